import { Link } from "wouter";
import type { Execution } from "../../api/contract";
import { useCall } from "../../api/hooks";
import { Clip } from "../../ui/clip";
import { isOpen, StatusBadge } from "../../ui/status";
import { Ago } from "../../ui/time";

const LOOKED_AT = 200;

/** The run that this one came from, and those that came from it. */
export function Related({ execution }: { execution: Execution }) {
  const { executionId = "", parentExecutionId = "", startedAt } = execution;
  // The contract lists runs by time, not by parent: those right after this one are looked through.
  const later = useCall(
    "WorkflowService",
    "ListExecutions",
    { ...(startedAt ? { startedAfter: startedAt } : {}), pageSize: LOOKED_AT },
    { enabled: Boolean(startedAt), every: isOpen(execution.status) ? 10_000 : false },
  );
  const children = later.data?.executions?.filter((one) => one.parentExecutionId === executionId) ?? [];
  if (!parentExecutionId && !children.length) return null;
  return (
    <section className="related" aria-labelledby="related">
      <h2 id="related">Related runs</h2>
      <ul>
        {parentExecutionId ? (
          <li>
            {execution.mode === "RETRY" ? "Retries" : "Called by"} <Link href={`/executions/${encodeURIComponent(parentExecutionId)}`}>{parentExecutionId}</Link>
          </li>
        ) : null}
        {children.map((child) => (
          <li key={child.executionId}>
            {child.mode === "RETRY" ? "Retried by" : "Called"}{" "}
            <Link href={`/executions/${encodeURIComponent(child.executionId ?? "")}`}>
              <Clip text={child.workflowName || child.executionId || ""} />
            </Link>{" "}
            <StatusBadge status={child.status} /> <Ago time={child.startedAt} />
          </li>
        ))}
      </ul>
    </section>
  );
}
