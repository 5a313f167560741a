import type { Activation, ActiveTrigger, Workflow } from "../../api/contract";
import { useDo } from "../../api/hooks";
import { useMay } from "../../api/session";
import { dateTime, words } from "../../text/format";
import { Link } from "wouter";
import { CopyButton } from "../../ui/json";
import { Empty, ErrorNotice } from "../../ui/notice";
import { Ago } from "../../ui/time";

interface Props {
  workflow: Workflow;
  active: Activation | undefined;
  error: Error | null;
}

const SHOWN_TIMES = 3;

/** Which triggers are on, where they listen, when they start runs next. */
export function ActivationPanel({ workflow, active, error }: Props) {
  const may = useMay();
  const activate = useDo("WorkflowService", "ActivateWorkflow");
  const deactivate = useDo("WorkflowService", "DeactivateWorkflow");
  const workflowId = workflow.id ?? "";
  const pending = activate.isPending || deactivate.isPending;
  const isOld = active !== undefined && active.version !== workflow.version;
  const turnOn = () => {
    deactivate.reset();
    activate.mutate({ workflowId, version: workflow.version ?? 0 });
  };
  const turnOff = () => {
    activate.reset();
    deactivate.mutate({ workflowId });
  };
  return (
    <>
      <ErrorNotice error={error ?? activate.error ?? deactivate.error} />
      {active ? (
        <>
          <p role="status">
            Version {active.version} is active since <Ago time={active.activatedAt} />
            {active.activatedBy ? (
              <>
                , by <bdi>{active.activatedBy}</bdi>
              </>
            ) : null}
            .
          </p>
          <ul className="triggers">
            {active.triggers?.map((trigger) => (
              <TriggerCard key={trigger.node} trigger={trigger} />
            ))}
          </ul>
        </>
      ) : (
        <Empty title="No version is active.">
          <p>Activate the workflow, and its triggers start it by themselves: webhooks, schedules, forms, mail.</p>
        </Empty>
      )}
      <p className="actions">
        {(!active || isOld) && may("WorkflowService", "ActivateWorkflow") ? (
          <button type="button" className="primary" disabled={pending} onClick={turnOn}>
            {isOld ? `Activate version ${workflow.version} instead` : "Activate"}
          </button>
        ) : null}
        {active && may("WorkflowService", "DeactivateWorkflow") ? (
          <button type="button" disabled={pending} onClick={turnOff}>
            Deactivate
          </button>
        ) : null}
      </p>
    </>
  );
}

function TriggerCard({ trigger }: { trigger: ActiveTrigger }) {
  return (
    <li className="card">
      <h3>
        <bdi>{trigger.node}</bdi> <span className="quiet">{words(trigger.subtype ?? "")}</span>
        {trigger.paused ? <span className="tag">paused</span> : null}
      </h3>
      {trigger.urls?.map((url) => (
        <p key={url} className="url">
          {trigger.methods?.length ? <span className="quiet">{trigger.methods.join(", ")}</span> : null}
          <code>{url}</code> <CopyButton text={url} />
        </p>
      ))}
      {trigger.nextTimes?.length ? <p>Next: {trigger.nextTimes.slice(0, SHOWN_TIMES).map(dateTime).join(" · ")}</p> : null}
      {trigger.lastExecutionId ? (
        <p>
          Last started <Ago time={trigger.lastStartedAt} />: <Link href={`/executions/${encodeURIComponent(trigger.lastExecutionId)}`}>the run</Link>
        </p>
      ) : (
        <p className="quiet">It hasn’t started a run yet.</p>
      )}
      {trigger.problem ? <p className="notice tone-bad">{trigger.problem}</p> : null}
    </li>
  );
}
