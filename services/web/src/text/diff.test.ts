import { expect, test } from "vitest";
import type { Workflow } from "../api/contract";
import { changesBetween, diffLines, diffWorkflows, isSame } from "./diff";

const arrows = (...pairs: [string, string][]): Workflow["connections"] => ({
  connections: Object.fromEntries(pairs.map(([from, to]) => [from, { connectionTypes: { main: { connections: [{ node: to }] } } }])),
});

test("nodes that were added, removed, renamed and changed", () => {
  const before: Workflow = {
    name: "Mine",
    nodes: [
      { id: "1", name: "Start" },
      { id: "2", name: "Old name", parameters: { url: "a", deep: { x: 1 } } },
      { id: "3", name: "Gone" },
      { name: "No id", position: { x: 1 } },
    ],
    connections: arrows(["Start", "Old name"], ["Old name", "Gone"]),
  };
  const after: Workflow = {
    name: "Ours",
    nodes: [
      { id: "1", name: "Start" },
      { id: "2", name: "New name", parameters: { url: "b", deep: { x: 1, y: [2] } } },
      { id: "4", name: "New" },
      { name: "No id", position: { x: 500 } },
    ],
    connections: arrows(["Start", "New name"], ["New name", "New"]),
  };
  const diff = diffWorkflows(before, after);
  expect(diff.added.map((node) => node.name)).toEqual(["New"]);
  expect(diff.removed.map((node) => node.name)).toEqual(["Gone"]);
  expect(diff.changed).toEqual([
    {
      name: "New name",
      formerName: "Old name",
      changes: [
        { path: "parameters.url", before: "a", after: "b" },
        { path: "parameters.deep.y", before: undefined, after: [2] },
      ],
    },
  ]);
  expect(diff.connectionsAdded).toEqual(["New name → New"]);
  expect(diff.connectionsRemoved).toEqual(["New name → Gone"]);
  expect(diff.rest).toEqual([{ path: "name", before: "Mine", after: "Ours" }]);
  expect(isSame(diff)).toBe(false);
  expect(isSame(diffWorkflows(before, structuredClone(before)))).toBe(true);
});

test("two nodes that swapped their names stay who they are", () => {
  const before: Workflow = { nodes: [{ id: "1", name: "A" }, { id: "2", name: "B" }] };
  const after: Workflow = { nodes: [{ id: "1", name: "B" }, { id: "2", name: "A" }] };
  expect(diffWorkflows(before, after)).toMatchObject({ added: [], removed: [], changed: [{ name: "B", formerName: "A" }, { name: "A", formerName: "B" }] });
});

test("values by path", () => {
  expect(changesBetween({ a: 1, b: { c: [1] } }, { a: 1, b: { c: [2] } })).toEqual([{ path: "b.c", before: [1], after: [2] }]);
  expect(changesBetween(1, 1)).toEqual([]);
});

test.each([
  ["a\nb\nc", "a\nx\nc", " a-b+x c"],
  ["a\nb", "a\nb", " a b"],
  ["", "a", "-+a"],
  ["a\nb\nc\nd", "b\nc\ne\nd", "-a b c+e d"],
])("lines of %j and %j", (before, after, expected) => {
  const signs = { same: " ", added: "+", removed: "-" };
  expect(diffLines(before, after).map((line) => signs[line.kind] + line.text).join("")).toBe(expected);
});

test("texts that are too long to compare are shown one after the other", () => {
  const [long, other] = [1, 2].map((seed) => Array.from({ length: 3000 }, (_, line) => `${seed} ${line}`).join("\n"));
  expect(diffLines(long ?? "", other ?? "")).toHaveLength(6000);
});
