import type { Node, Workflow } from "../api/contract";

/** One value that differs between two versions. */
export interface Change {
  path: string;
  before: unknown;
  after: unknown;
}

export interface NodeChange {
  name: string;
  /** The former name, where it was changed. */
  formerName: string;
  changes: Change[];
}

/** What tells two versions of a workflow apart. */
export interface WorkflowDiff {
  added: Node[];
  removed: Node[];
  changed: NodeChange[];
  connectionsAdded: string[];
  connectionsRemoved: string[];
  /** Name, description, settings, tags. */
  rest: Change[];
}

/** Compares two versions: nodes are the same ones if their ids are, or, failing that, their names. */
export function diffWorkflows(before: Workflow, after: Workflow): WorkflowDiff {
  const diff: WorkflowDiff = { added: [], removed: [], changed: [], connectionsAdded: [], connectionsRemoved: [], rest: [] };
  const unmatched = new Set(before.nodes ?? []);
  const byId = new Map((before.nodes ?? []).filter((node) => node.id).map((node) => [node.id, node]));
  const byName = new Map((before.nodes ?? []).map((node) => [node.name, node]));
  const renamed = new Map<string, string>();
  for (const node of after.nodes ?? []) {
    const candidates = [byId.get(node.id), byName.get(node.name)];
    const former = candidates.find((candidate) => candidate && unmatched.has(candidate));
    if (!former) {
      diff.added.push(node);
      continue;
    }
    unmatched.delete(former);
    if (former.name !== node.name) renamed.set(former.name ?? "", node.name ?? "");
    const changes = changesBetween(withoutName(former), withoutName(node));
    if (changes.length || former.name !== node.name)
      diff.changed.push({ name: node.name ?? "", formerName: former.name === node.name ? "" : (former.name ?? ""), changes });
  }
  diff.removed = [...unmatched];
  const formerArrows = new Set(arrows(before, renamed));
  const newArrows = new Set(arrows(after, new Map()));
  diff.connectionsAdded = [...newArrows].filter((arrow) => !formerArrows.has(arrow));
  diff.connectionsRemoved = [...formerArrows].filter((arrow) => !newArrows.has(arrow));
  const rest = (workflow: Workflow) => ({
    name: workflow.name,
    description: workflow.description,
    settings: workflow.settings,
    tags: workflow.tags,
  });
  diff.rest = changesBetween(rest(before), rest(after));
  return diff;
}

/** Whether two versions say the same. */
export function isSame(diff: WorkflowDiff): boolean {
  return Object.values(diff).every((part: unknown[]) => part.length === 0);
}

/** The values in which two JSON values differ, by path; a list is one value. */
export function changesBetween(before: unknown, after: unknown, path = ""): Change[] {
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => changesBetween(before[key], after[key], path ? `${path}.${key}` : key));
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, before, after }];
}

export interface Line {
  kind: "same" | "added" | "removed";
  text: string;
}

const MOST_CELLS = 4_000_000;

/** Compares two texts line by line (longest common subsequence, after what both begin and end with). */
export function diffLines(before: string, after: string): Line[] {
  const a = before.split("\n");
  const b = after.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const same = (lines: string[]): Line[] => lines.map((text) => ({ kind: "same", text }));
  const middle = diffMiddle(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return [...same(a.slice(0, start)), ...middle, ...same(end ? a.slice(-end) : [])];
}

function diffMiddle(a: string[], b: string[]): Line[] {
  const removed = (text: string): Line => ({ kind: "removed", text });
  const added = (text: string): Line => ({ kind: "added", text });
  // Too much to compare: all of the one, then all of the other.
  if (a.length * b.length > MOST_CELLS) return [...a.map(removed), ...b.map(added)];
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        a[i] === b[j]
          ? (lengths[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0);
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [x, y] = [a[i], b[j]];
    if (x !== undefined && x === y) {
      lines.push({ kind: "same", text: x });
      i++;
      j++;
    } else if (x !== undefined && (y === undefined || (lengths[(i + 1) * width + j] ?? 0) >= (lengths[i * width + j + 1] ?? 0))) {
      lines.push(removed(x));
      i++;
    } else if (y !== undefined) {
      lines.push(added(y));
      j++;
    }
  }
  return lines;
}

function arrows(workflow: Workflow, renamed: Map<string, string>): string[] {
  const name = (node: string) => renamed.get(node) ?? node;
  return Object.entries(workflow.connections?.connections ?? {}).flatMap(([source, types]) =>
    Object.entries(types.connectionTypes ?? {}).flatMap(([type, array]) =>
      (array.connections ?? []).map((arrow) => {
        const output = arrow.output && arrow.output !== "main" ? ` (${arrow.output})` : "";
        const input = arrow.index ? ` (input ${arrow.index + 1})` : "";
        const kind = type.toLowerCase() === "main" ? "" : ` [${type.toLowerCase()}]`;
        return `${name(source)}${output} → ${name(arrow.node ?? "")}${input}${kind}`;
      }),
    ),
  );
}

function withoutName(node: Node): Node {
  // A move on the canvas changes nothing that a run would notice.
  const { name: _name, position: _position, ...rest } = node;
  return rest;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
