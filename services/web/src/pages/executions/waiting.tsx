import { Link } from "wouter";
import type { Execution } from "../../api/contract";
import { useCall } from "../../api/hooks";
import type { RunState } from "../../api/run_state";
import { useMay } from "../../api/session";
import { Clip } from "../../ui/clip";

/** Which people a run waits for. */
export function WaitingTasks({ execution, run }: { execution: Execution; run: RunState }) {
  const may = useMay();
  const waits = [...run.nodes.values()].some((state) => state.status === "NODE_WAITING" || state.status === "NODE_RUNNING");
  const tasks = useCall(
    "HumanTaskService",
    "ListHumanTasks",
    { executionId: execution.executionId ?? "", openOnly: true },
    { enabled: waits && may("HumanTaskService", "ListHumanTasks"), every: 4000 },
  );
  const open = waits ? (tasks.data?.tasks ?? []) : [];
  if (!open.length) return null;
  return (
    <section className="notice tone-wait" aria-label="It waits for people">
      <ul>
        {open.map((task) => (
          <li key={task.taskId}>
            <strong>Waits for {task.assignees?.length ? task.assignees.join(", ") : "anybody"}:</strong>{" "}
            <Link href={`/inbox/${encodeURIComponent(task.taskId ?? "")}`}>
              <Clip text={task.title || task.node || "a task"} />
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
