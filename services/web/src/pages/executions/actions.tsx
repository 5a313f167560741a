import { useState } from "react";
import { useLocation } from "wouter";
import type { Execution } from "../../api/contract";
import { useDo } from "../../api/hooks";
import { useMay } from "../../api/session";
import { Confirm } from "../../ui/confirm";
import { ErrorNotice } from "../../ui/notice";
import { isOpen } from "../../ui/status";
import { RetryDialog } from "./retry";

/** What can be done with a run as it stands. */
export function ExecutionActions({ execution }: { execution: Execution }) {
  const may = useMay();
  const id = execution.executionId ?? "";
  const pause = useDo("WorkflowService", "PauseExecution");
  const resume = useDo("WorkflowService", "ResumeExecution");
  const [asking, setAsking] = useState<"" | "cancel" | "delete" | "retry">("");
  const open = isOpen(execution.status);
  return (
    <>
      {execution.status === "RUNNING" && may("WorkflowService", "PauseExecution") ? (
        <button type="button" disabled={pause.isPending} onClick={() => pause.mutate({ executionId: id })}>
          Pause
        </button>
      ) : null}
      {execution.status === "PAUSED" && may("WorkflowService", "ResumeExecution") ? (
        <button type="button" className="primary" disabled={resume.isPending} onClick={() => resume.mutate({ executionId: id })}>
          Resume
        </button>
      ) : null}
      {open && may("WorkflowService", "CancelExecution") ? (
        <button type="button" onClick={() => setAsking("cancel")}>
          Cancel
        </button>
      ) : null}
      {execution.status === "FAILED" && may("WorkflowService", "RetryExecution") ? (
        <button type="button" className="primary" onClick={() => setAsking("retry")}>
          Retry
        </button>
      ) : null}
      {!open && may("WorkflowService", "DeleteExecution") ? (
        <button type="button" onClick={() => setAsking("delete")}>
          Delete
        </button>
      ) : null}
      <ErrorNotice error={pause.error ?? resume.error} />
      {asking === "cancel" ? <CancelDialog id={id} onClose={() => setAsking("")} /> : null}
      {asking === "delete" ? <DeleteDialog id={id} onClose={() => setAsking("")} /> : null}
      {asking === "retry" ? <RetryDialog execution={execution} node={execution.error?.node ?? ""} inputs={[]} onClose={() => setAsking("")} /> : null}
    </>
  );
}

function CancelDialog({ id, onClose }: { id: string; onClose(): void }) {
  const cancel = useDo("WorkflowService", "CancelExecution");
  const [reason, setReason] = useState("");
  const confirm = () => cancel.mutate({ executionId: id, reason }, { onSuccess: onClose });
  return (
    <Confirm title="Cancel this run?" action="Cancel the run" pending={cancel.isPending} error={cancel.error} onConfirm={confirm} onClose={onClose}>
      <p>Nodes under way are stopped. What they have done outside stays done.</p>
      <div className="field">
        <label htmlFor="reason">
          Reason<span className="optional"> (optional)</span>
        </label>
        <input id="reason" value={reason} onChange={(event) => setReason(event.target.value)} />
      </div>
    </Confirm>
  );
}

function DeleteDialog({ id, onClose }: { id: string; onClose(): void }) {
  const remove = useDo("WorkflowService", "DeleteExecution");
  const [, navigate] = useLocation();
  const confirm = () => remove.mutate({ executionId: id }, { onSuccess: () => navigate("/executions") });
  return (
    <Confirm title="Delete this run?" action="Delete the run" pending={remove.isPending} error={remove.error} onConfirm={confirm} onClose={onClose}>
      <p>Its record, inputs and outputs are gone for good.</p>
    </Confirm>
  );
}
