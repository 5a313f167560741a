// What a build ends with: the licences of what is bundled, and the fingerprint of what it was made from.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fingerprint } from "./fingerprint.mjs";

const { dependencies } = JSON.parse(await readFile("package.json", "utf8"));
const { packages } = JSON.parse(await readFile("package-lock.json", "utf8"));

const parts = [];
for (const name of [...bundled(Object.keys(dependencies))].toSorted()) {
  const folder = join("node_modules", name);
  const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one));
  const text = file ? (await readFile(join(folder, file), "utf8")).trim() : `Licence: ${license}`;
  parts.push(`${name} ${version} (${license})\n\n${text}\n`);
}
const head = "The web contains these packages, whole or in part, under their own licences.\n";
await writeFile("dist/THIRD_PARTY.txt", [head, ...parts].join(`\n${"-".repeat(80)}\n\n`).replaceAll("\r\n", "\n"));
await writeFile("dist/SOURCES.sha256", `${await fingerprint()}\n`);

/** The named packages and all that they need; types aren't bundled. */
function bundled(names, found = new Set()) {
  for (const name of names) {
    const entry = packages[`node_modules/${name}`];
    if (found.has(name) || !entry || name.startsWith("@types/")) continue;
    found.add(name);
    bundled(Object.keys(entry.dependencies ?? {}), found);
  }
  return found;
}
