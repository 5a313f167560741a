// The fingerprint of everything that a build is made from; `services/web/fingerprint.py` makes the same without Node.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";

const FILES = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"];
const FOLDERS = ["build", "src"];

/** SHA-256 over the lines "sha256  path" of all source files, in the order of their paths. */
export async function fingerprint() {
  const paths = [...FILES];
  for (const folder of FOLDERS)
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) paths.push(`${entry.parentPath ?? entry.path}/${entry.name}`);
  const whole = createHash("sha256");
  for (const path of paths.toSorted()) whole.update(`${createHash("sha256").update(await readFile(path)).digest("hex")}  ${path}\n`);
  return whole.digest("hex");
}
