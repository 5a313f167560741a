import { Graph as Layered, layout } from "@dagrejs/dagre";
import type { Graph, GraphEdge, GraphNode } from "./model";

export const NODE_WIDTH = 212;
export const NODE_HEIGHT = 62;
const GAP = 28;
const RANK_GAP = 72;
const BACK_GAP = 26;

export interface Point {
  x: number;
  y: number;
}

export interface Placed {
  /** Upper left corners, by name. */
  positions: Map<string, Point>;
  /** SVG paths by an edge's id, and where their labels go. */
  paths: Map<string, { path: string; label: Point }>;
}

interface Box {
  width: number;
  height: number;
}

/** Places nodes from left to right in the order of the run, and what equips a node below it. */
export function place(graph: Graph): Placed {
  const equipment = Map.groupBy(graph.nodes.filter((node) => node.owner), (node) => node.owner);
  const boxes = new Map<string, Box>();
  const positions = new Map<string, Point>();
  const layered = new Layered({ multigraph: true });
  layered.setGraph({ rankdir: "LR", nodesep: GAP, ranksep: RANK_GAP, marginx: 8, marginy: 8 });
  layered.setDefaultEdgeLabel(() => ({}));
  const roots = graph.nodes.filter((node) => !node.owner);
  for (const node of roots) layered.setNode(node.name, { ...measure(node, equipment, boxes) });
  const rooted = new Set(roots.map((node) => node.name));
  const drawn = graph.edges.filter((edge) => rooted.has(edge.source) && rooted.has(edge.target) && edge.source !== edge.target);
  for (const edge of drawn) layered.setEdge(edge.source, edge.target, { width: 0, height: 0 }, edge.id);
  layout(layered);
  for (const node of roots) {
    const { x = 0, y = 0 } = layered.node(node.name) as Partial<Point>;
    const box = boxes.get(node.name) ?? { width: NODE_WIDTH, height: NODE_HEIGHT };
    hang(node, { x: x - box.width / 2, y: y - box.height / 2 }, equipment, boxes, positions);
  }
  return { positions, paths: route(graph.edges, positions, layered) };
}

function measure(node: GraphNode, equipment: Map<string, GraphNode[]>, boxes: Map<string, Box>): Box {
  const below = (equipment.get(node.name) ?? []).map((one) => measure(one, equipment, boxes));
  const row = below.reduce((sum, box) => sum + box.width, 0) + GAP * Math.max(below.length - 1, 0);
  const tallest = Math.max(0, ...below.map((box) => box.height));
  const box = { width: Math.max(NODE_WIDTH, row), height: NODE_HEIGHT + (below.length ? tallest + GAP * 2 : 0) };
  boxes.set(node.name, box);
  return box;
}

function hang(node: GraphNode, corner: Point, equipment: Map<string, GraphNode[]>, boxes: Map<string, Box>, positions: Map<string, Point>): void {
  const box = boxes.get(node.name) ?? { width: NODE_WIDTH, height: NODE_HEIGHT };
  positions.set(node.name, { x: corner.x + (box.width - NODE_WIDTH) / 2, y: corner.y });
  const below = equipment.get(node.name) ?? [];
  const widths = below.map((one) => boxes.get(one.name)?.width ?? NODE_WIDTH);
  const row = widths.reduce((sum, width) => sum + width, 0) + GAP * Math.max(below.length - 1, 0);
  let x = corner.x + (box.width - row) / 2;
  below.forEach((one, index) => {
    hang(one, { x, y: corner.y + NODE_HEIGHT + GAP * 2 }, equipment, boxes, positions);
    x += (widths[index] ?? NODE_WIDTH) + GAP;
  });
}

function route(edges: readonly GraphEdge[], positions: Map<string, Point>, layered: Layered): Placed["paths"] {
  const paths: Placed["paths"] = new Map();
  for (const edge of edges) {
    const from = positions.get(edge.source);
    const to = positions.get(edge.target);
    if (!from || !to) continue;
    if (edge.equips) paths.set(edge.id, drop(from, to));
    else if (to.x <= from.x) paths.set(edge.id, back(from, to, positions));
    else paths.set(edge.id, forward(from, to, bends(layered, edge)));
  }
  return paths;
}

function bends(layered: Layered, edge: GraphEdge): Point[] {
  const found = layered.edge(edge.source, edge.target, edge.id) as { points?: Point[] } | undefined;
  return found?.points?.slice(1, -1) ?? [];
}

function forward(from: Point, to: Point, between: readonly Point[]): { path: string; label: Point } {
  const start = { x: from.x + NODE_WIDTH, y: from.y + NODE_HEIGHT / 2 };
  const end = { x: to.x, y: to.y + NODE_HEIGHT / 2 };
  // Between neighbours the layout's only bend says nothing that the curve doesn't.
  const inner = between.length > 1 ? between.filter((point) => point.x > start.x + 8 && point.x < end.x - 8) : [];
  const points = [start, ...inner, end];
  let path = `M${start.x},${start.y}`;
  for (let index = 1; index < points.length; index++) {
    const [a, b] = [points[index - 1] ?? start, points[index] ?? end];
    const middle = (a.x + b.x) / 2;
    path += ` C${middle},${a.y} ${middle},${b.y} ${b.x},${b.y}`;
  }
  const next = points[1] ?? end;
  return { path, label: { x: (start.x + next.x) / 2, y: (start.y + next.y) / 2 } };
}

/** Goes below everything that lies between, so that it crosses no node. */
function back(from: Point, to: Point, positions: Map<string, Point>): { path: string; label: Point } {
  const start = { x: from.x + NODE_WIDTH / 2, y: from.y + NODE_HEIGHT };
  const end = { x: to.x + NODE_WIDTH / 2, y: to.y + NODE_HEIGHT };
  const between = [...positions.values()].filter((point) => point.x >= to.x - 1 && point.x <= from.x + 1);
  const bottom = Math.max(...between.map((point) => point.y + NODE_HEIGHT)) + BACK_GAP;
  const path = `M${start.x},${start.y} C${start.x},${bottom} ${start.x},${bottom} ${start.x - 24},${bottom} L${end.x + 24},${bottom} C${end.x},${bottom} ${end.x},${bottom} ${end.x},${end.y}`;
  return { path, label: { x: (start.x + end.x) / 2, y: bottom } };
}

/** From a node down to what equips it, whichever way the arrow was written. */
function drop(from: Point, to: Point): { path: string; label: Point } {
  const [upper, lower] = from.y <= to.y ? [from, to] : [to, from];
  const start = { x: upper.x + NODE_WIDTH / 2, y: upper.y + NODE_HEIGHT };
  const end = { x: lower.x + NODE_WIDTH / 2, y: lower.y };
  const middle = (start.y + end.y) / 2;
  return {
    path: `M${start.x},${start.y} C${start.x},${middle} ${end.x},${middle} ${end.x},${end.y}`,
    label: { x: (start.x * 0.35 + end.x * 0.65), y: middle + 4 },
  };
}
