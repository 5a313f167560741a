import { expect, test } from "vitest";
import type { Workflow } from "../api/contract";
import { NODE_HEIGHT, NODE_WIDTH, place } from "./layout";
import { graphOf } from "./model";

type Arrow = [from: string, to: string, type?: string, output?: string];

function workflow(nodes: string[], ...arrows: Arrow[]): Workflow {
  const connections: Record<string, { connectionTypes: Record<string, { connections: { node: string; output: string }[] }> }> = {};
  for (const [from, to, type = "main", output = ""] of arrows) {
    const types = (connections[from] ??= { connectionTypes: {} }).connectionTypes;
    (types[type] ??= { connections: [] }).connections.push({ node: to, output });
  }
  return { nodes: nodes.map((name, index) => ({ name, type: index ? "ACTION_NODE" : "TRIGGER_NODE", subtype: "X" })), connections: { connections } };
}

test("nodes don't overlap, and stand in the order of the run", () => {
  const names = Array.from({ length: 25 }, (_, index) => `Node ${index}`);
  const chains = names.slice(1).map((name, index): Arrow => [names[Math.floor(index / 2)] ?? "", name]);
  const { positions } = place(graphOf(workflow(names, ...chains)));
  const corners = [...positions.values()];
  expect(corners).toHaveLength(25);
  corners.forEach((a, index) => {
    for (const b of corners.slice(index + 1))
      expect(Math.abs(a.x - b.x) >= NODE_WIDTH || Math.abs(a.y - b.y) >= NODE_HEIGHT).toBe(true);
  });
  for (const [from, to] of chains) expect(positions.get(to)?.x).toBeGreaterThan(positions.get(from)?.x ?? Infinity);
});

test("a loop's way back goes below its nodes", () => {
  const placed = place(graphOf(workflow(["Start", "Loop", "Body", "End"], ["Start", "Loop"], ["Loop", "Body", "main", "body"], ["Body", "Loop"], ["Loop", "End", "main", "done"])));
  const back = placed.paths.get("3");
  const lowest = Math.max(...["Loop", "Body"].map((name) => placed.positions.get(name)?.y ?? 0)) + NODE_HEIGHT;
  expect(back?.label.y).toBeGreaterThan(lowest);
  expect(placed.paths.size).toBe(4);
});

test("what equips an agent hangs below it, whichever way the arrow was written", () => {
  const graph = graphOf(workflow(["Start", "Agent", "Model", "Store", "Embeddings"], ["Start", "Agent"], ["Agent", "Model", "ai_language_model"], ["Store", "Agent", "AI_MEMORY"], ["Store", "Embeddings", "ai_embedding"]));
  expect(Object.fromEntries(graph.nodes.map((node) => [node.name, node.owner]))).toEqual({ Start: "", Agent: "", Model: "Agent", Store: "Agent", Embeddings: "Store" });
  const { positions } = place(graph);
  const y = (name: string) => positions.get(name)?.y ?? 0;
  expect(y("Model")).toBeGreaterThan(y("Agent"));
  expect(y("Embeddings")).toBeGreaterThan(y("Store"));
  expect(graph.edges.map((edge) => edge.label)).toEqual(["", "language model", "memory", "embedding"]);
});

test("odd graphs are drawn all the same", () => {
  for (const odd of [workflow([]), workflow(["A"], ["A", "A"]), workflow(["A", "B"], ["A", "B"], ["B", "A"], ["A", "Nowhere"]), {}]) {
    const placed = place(graphOf(odd));
    expect(placed.positions.size).toBe(odd.nodes?.length ?? 0);
    expect([...placed.paths.values()].every(({ path }) => !path.includes("NaN"))).toBe(true);
  }
});

test("ports are named where they say something", () => {
  const { edges } = graphOf(workflow(["If", "A", "B"], ["If", "A", "main", "true"], ["If", "B", "main", "0"]));
  expect(edges.map((edge) => edge.label)).toEqual(["true", ""]);
});
