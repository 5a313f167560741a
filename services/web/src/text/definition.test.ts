import { expect, test } from "vitest";
import { fileName, readDefinition, writeDefinition } from "./definition";
import { itemsJson, itemsShown } from "./items";

test.each([
  ['{"nodes": []}', ""],
  ['{"workflow": {"nodes": []}}', ""],
  ["nope", "The file isn’t JSON"],
  ["[]", "The file holds no JSON object"],
  ["{}", "The file has no list of “nodes”"],
])("%s", (text, problem) => {
  const read = readDefinition(text);
  expect(read.problem.startsWith(problem)).toBe(true);
  expect(read.workflow === null).toBe(problem !== "");
});

test("an exported file has the definition only", () => {
  expect(JSON.parse(writeDefinition({ id: "w", name: "Mine", version: 3, userId: "u", createdAt: "x", updatedAt: "y", nodes: [] }))).toEqual({ id: "w", name: "Mine", nodes: [] });
});

test.each([
  ["Order to shipment", "Order-to-shipment.json"],
  ["../../etc/passwd", "etc-passwd.json"],
  ["日本", "workflow.json"],
])("%s is kept as %s", (name, file) => {
  expect(fileName({ name })).toBe(file);
});

test("items without what the engine keeps beside them", () => {
  expect(JSON.parse(itemsJson('[{"json": {"a": 1}, "files": {"f": {}}}, {"json": {}}]'))).toEqual([{ a: 1 }, {}]);
  expect(JSON.parse(itemsShown('[{"json": {"a": 1}, "files": {"f": {}}}, {"json": {}, "files": {}}]'))).toEqual([{ json: { a: 1 }, files: { f: {} } }, {}]);
  expect(itemsJson("")).toBe("[]");
  expect(itemsJson("cut of")).toBe("cut of");
});
