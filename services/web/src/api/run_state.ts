import type { Execution, ExecutionEvent, NodeRun, NodeRunStatus } from "./contract";

/** What one node has done in a run. */
export interface NodeState {
  /** How the latest of its runs stands. */
  status: NodeRunStatus;
  /** How many runs it has had, and how many of them failed. */
  runs: number;
  failed: number;
  /** The latest of its runs, without inputs and outputs. */
  latest: NodeRun;
  startedAt: string;
  finishedAt: string;
}

/** How a run stands, as its events tell. */
export interface RunState {
  execution: Execution;
  nodes: ReadonlyMap<string, NodeState>;
  sequence: number;
}

interface Tally {
  byIndex: Map<number, NodeRun>;
}

/** Puts a run's events together; an event that comes twice changes nothing. */
export class RunTally {
  #execution: Execution = {};
  #sequence = 0;
  readonly #nodes = new Map<string, Tally>();
  readonly #states = new Map<string, NodeState>();

  add(events: readonly ExecutionEvent[]): RunState {
    const touched = new Set<string>();
    for (const event of events) {
      const sequence = Number(event.sequence ?? 0);
      if (sequence && sequence <= this.#sequence) continue;
      this.#sequence = Math.max(this.#sequence, sequence);
      if (event.execution) this.#execution = { ...this.#execution, ...event.execution };
      if (event.nodeRun?.node && event.type !== "NODE_PROGRESS") {
        this.#tally(event.nodeRun.node).byIndex.set(event.nodeRun.runIndex ?? 0, event.nodeRun);
        touched.add(event.nodeRun.node);
      }
    }
    for (const node of touched) this.#states.set(node, stateOf([...this.#tally(node).byIndex.values()]));
    return { execution: this.#execution, nodes: new Map(this.#states), sequence: this.#sequence };
  }

  #tally(node: string): Tally {
    let tally = this.#nodes.get(node);
    if (!tally) this.#nodes.set(node, (tally = { byIndex: new Map() }));
    return tally;
  }
}

const URGENCY: Partial<Record<NodeRunStatus, number>> = { NODE_WAITING: 3, NODE_RETRYING: 2, NODE_RUNNING: 1 };

function stateOf(runs: NodeRun[]): NodeState {
  // What is still going on counts before what came last: iterations may run side by side.
  const latest = runs.reduce((best, run) => {
    const urgency = (URGENCY[run.status ?? "NODE_RUNNING"] ?? 0) - (URGENCY[best.status ?? "NODE_RUNNING"] ?? 0);
    if (urgency) return urgency > 0 ? run : best;
    return Math.abs(run.runIndex ?? 0) >= Math.abs(best.runIndex ?? 0) ? run : best;
  });
  const times = (pick: (run: NodeRun) => string | undefined) => runs.map(pick).filter((time) => time !== undefined).toSorted();
  return {
    status: latest.status ?? "NODE_RUNNING",
    runs: runs.length,
    failed: runs.filter((run) => run.status === "NODE_FAILED").length,
    latest,
    startedAt: times((run) => run.startedAt)[0] ?? "",
    finishedAt: latest.finishedAt ? (times((run) => run.finishedAt).at(-1) ?? "") : "",
  };
}
