import type { Workflow } from "../api/contract";

/** Reads a file with a workflow, or says why it isn't one. Keys may be written as in JSON or as in protobuf. */
export function readDefinition(text: string): { workflow: Workflow | null; problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refused(`The file isn’t JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(value)) return refused("The file holds no JSON object. A workflow begins with { and has “nodes”.");
  const inner = isObject(value.workflow) ? value.workflow : value;
  if (!Array.isArray(inner.nodes)) return refused("The file has no list of “nodes”, so it isn’t a workflow.");
  return { workflow: inner as Workflow, problem: "" };
}

/** A workflow's definition as a file: without what the server says about it. */
export function writeDefinition(workflow: Workflow): string {
  const { version: _version, userId: _user, createdAt: _created, updatedAt: _updated, ...definition } = workflow;
  return `${JSON.stringify(definition, null, 2)}\n`;
}

/** A name for that file which every system takes. */
export function fileName(workflow: Workflow): string {
  const plain = (workflow.name || workflow.id || "workflow").normalize("NFKD").replace(/[^\w-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 60);
  return `${plain || "workflow"}.json`;
}

function refused(problem: string) {
  return { workflow: null, problem };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
