import type { Node, Workflow } from "../api/contract";

/** A workflow as a graph: what layouts, pictures and lists are made from. */
export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

export interface GraphNode {
  name: string;
  type: string;
  subtype: string;
  disabled: boolean;
  /** The node that this one equips (an agent's model, a tool); empty for one that items pass through. */
  owner: string;
}

export interface GraphEdge {
  id: string;
  source: string;
  target: string;
  /** What it says of itself: the output port, the input port, or the kind of equipment. */
  label: string;
  /** Equipment rather than items. */
  equips: boolean;
}

/** Reads a definition; arrows to nodes that don't exist are left out, for they can't be drawn. */
export function graphOf(workflow: Workflow): Graph {
  const definitions = workflow.nodes ?? [];
  const names = new Set(definitions.map((node) => node.name ?? ""));
  const edges = readEdges(workflow, names);
  const owners = findOwners(definitions, edges);
  const nodes = definitions.map((node) => ({
    name: node.name ?? "",
    type: String(node.type ?? ""),
    subtype: node.subtype ?? "",
    disabled: node.disabled ?? false,
    owner: owners.get(node.name ?? "") ?? "",
  }));
  return { nodes, edges };
}

function readEdges(workflow: Workflow, names: Set<string>): GraphEdge[] {
  const edges: GraphEdge[] = [];
  for (const [source, types] of Object.entries(workflow.connections?.connections ?? {})) {
    for (const [type, array] of Object.entries(types.connectionTypes ?? {})) {
      const equips = type.toLowerCase() !== "main";
      for (const arrow of array.connections ?? []) {
        const target = arrow.node ?? "";
        if (!names.has(source) || !names.has(target)) continue;
        const label = equips ? type.toLowerCase().replace(/^ai_/, "").replaceAll("_", " ") : portLabel(arrow.output, arrow.index);
        edges.push({ id: `${edges.length}`, source, target, label, equips });
      }
    }
  }
  return edges;
}

function portLabel(output: string | undefined, index: number | undefined): string {
  const from = output && output !== "main" && output !== "0" ? output : "";
  const to = index ? `input ${index + 1}` : "";
  return [from, to].filter(Boolean).join(" → ");
}

/** Equipment hangs on whatever items pass through, directly or over other equipment. */
function findOwners(nodes: readonly Node[], edges: readonly GraphEdge[]): Map<string, string> {
  const passed = new Set<string>();
  for (const edge of edges) if (!edge.equips) passed.add(edge.source).add(edge.target);
  for (const node of nodes) if (node.type === "TRIGGER_NODE") passed.add(node.name ?? "");
  const neighbours = new Map<string, string[]>();
  for (const edge of edges) {
    if (!edge.equips) continue;
    neighbours.set(edge.source, [...(neighbours.get(edge.source) ?? []), edge.target]);
    neighbours.set(edge.target, [...(neighbours.get(edge.target) ?? []), edge.source]);
  }
  const owners = new Map<string, string>();
  const queue = [...passed];
  for (let owner = queue.shift(); owner !== undefined; owner = queue.shift()) {
    for (const name of neighbours.get(owner) ?? []) {
      if (passed.has(name) || owners.has(name)) continue;
      owners.set(name, owner);
      queue.push(name);
    }
  }
  return owners;
}
