import { Graph as Layered, layout } from "@dagrejs/dagre";
import type { Graph, GraphEdge, GraphNode } from "./model";

export const NODE_WIDTH = 212;
export const NODE_HEIGHT = 62;
const GAP = 28;
const RANK_GAP = 60;
const BACK_GAP = 26;
const CORNER = 10;

export interface Point {
  x: number;
  y: number;
}

export interface Placed {
  /** Upper left corners, by name. */
  positions: Map<string, Point>;
  /** SVG paths by an edge's id, and where their labels go. */
  paths: Map<string, { path: string; label: Point }>;
  width: number;
  height: number;
}

interface Box {
  width: number;
  height: number;
}

/** Places nodes from left to right in the order of the run, and what equips a node below it. */
export function place(graph: Graph): Placed {
  const equipment = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) if (node.owner) equipment.set(node.owner, [...(equipment.get(node.owner) ?? []), node]);
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
  const paths = route(graph.edges, positions, layered);
  const corners = [...positions.values()];
  return {
    positions,
    paths,
    width: Math.max(0, ...corners.map((corner) => corner.x + NODE_WIDTH)),
    // What labels of arrows that go back below everything need is in the gap.
    height: Math.max(0, ...corners.map((corner) => corner.y + NODE_HEIGHT)) + BACK_GAP,
  };
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

/** Goes around below everything that lies between, in the gaps beside nodes, so that it crosses none. */
function back(from: Point, to: Point, positions: Map<string, Point>): { path: string; label: Point } {
  const start = { x: from.x + NODE_WIDTH, y: from.y + NODE_HEIGHT / 2 };
  const end = { x: to.x, y: to.y + NODE_HEIGHT / 2 };
  const corners = [...positions.values()];
  const right = lane(start, 1, corners);
  const left = lane(end, -1, corners);
  const between = corners.filter((corner) => corner.x < right && corner.x + NODE_WIDTH > left);
  const bottom = Math.max(...between.map((corner) => corner.y + NODE_HEIGHT)) + BACK_GAP;
  const path = rounded([start, { x: right, y: start.y }, { x: right, y: bottom }, { x: left, y: bottom }, { x: left, y: end.y }, end]);
  return { path, label: { x: (left + right) / 2, y: bottom } };
}

/** The nearest place beside a node where a line can go down without crossing what is below. */
function lane(at: Point, direction: 1 | -1, corners: readonly Point[]): number {
  let x = at.x + direction * CORNER * 2;
  const below = corners.filter((corner) => corner.y + NODE_HEIGHT > at.y);
  const inTheWay = () => below.find((corner) => x > corner.x - CORNER && x < corner.x + NODE_WIDTH + CORNER);
  for (let node = inTheWay(), tries = 0; node && tries < below.length; node = inTheWay(), tries++)
    x = direction > 0 ? node.x + NODE_WIDTH + CORNER * 2 : node.x - CORNER * 2;
  return x;
}

/** A line of straight pieces with round corners. */
function rounded(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let path = `M${first.x},${first.y}`;
  rest.forEach((point, index) => {
    const before = rest[index - 1] ?? first;
    const next = rest[index + 1];
    if (!next) path += ` L${point.x},${point.y}`;
    else path += ` L${toward(point, before)} Q${point.x},${point.y} ${toward(point, next)}`;
  });
  return path;
}

function toward(point: Point, other: Point): string {
  const length = Math.hypot(other.x - point.x, other.y - point.y) || 1;
  const step = Math.min(CORNER, length / 2) / length;
  return `${point.x + (other.x - point.x) * step},${point.y + (other.y - point.y) * step}`;
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
