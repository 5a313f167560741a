import { useEffect, useRef, useState } from "react";
import type { Execution, NodeRun, PortItems, Workflow } from "../../api/contract";
import { useCall } from "../../api/hooks";
import type { NodeState } from "../../api/run_state";
import { useMay } from "../../api/session";
import { bytes, count, dateTime, words } from "../../text/format";
import { itemsShown } from "../../text/items";
import { Clip, LongText } from "../../ui/clip";
import { Json } from "../../ui/json";
import { ErrorNotice, Loading } from "../../ui/notice";
import { NODE_STATUS, NodeStatusBadge } from "../../ui/status";
import { Took } from "../../ui/time";
import { RetryDialog } from "./retry";

interface Props {
  execution: Execution;
  workflow: Workflow;
  node: string;
  state: NodeState | undefined;
  onClose(): void;
}

const PAGE_SIZE = 200;
const MOST_LOGS = 200;

/** What one node did: each of its runs with inputs, outputs, errors, attempts and logs. */
export function NodePanel({ execution, workflow, node, state, onClose }: Props) {
  const [page, setPage] = useState("");
  const history = useCall(
    "WorkflowService",
    "GetExecutionHistory",
    { executionId: execution.executionId ?? "", node, pageSize: PAGE_SIZE, pageToken: page },
    { keep: true },
  );
  const { refetch } = history;
  const progress = state ? `${state.status} ${state.runs} ${state.latest.attempt ?? 0} ${state.finishedAt}` : "";
  useEffect(() => {
    if (progress) void refetch();
  }, [progress, refetch]);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // It returns a promise in newer browsers, which an effect must not.
    void heading.current?.scrollIntoView({ block: "nearest" });
  }, []);
  const definition = workflow.nodes?.find((one) => one.name === node);
  const runs = history.data?.nodeRuns ?? [];
  return (
    <aside className="panel" aria-label={`Node ${node}`}>
      <header>
        <div>
          <h2 ref={heading} tabIndex={-1}>
            <Clip text={node} length={80} />
          </h2>
          <p className="quiet">
            {definition ? `${words(String(definition.type ?? "").replace(/_NODE$/, ""))} · ${definition.subtype}` : ""}
          </p>
        </div>
        <button type="button" className="small" onClick={onClose} aria-label="Close the node's details">
          ✕
        </button>
      </header>
      {definition?.notes ? <LongText text={definition.notes} length={300} /> : null}
      <ErrorNotice error={history.error} onRetry={() => void history.refetch()} />
      {history.isPending ? <Loading what="what it did" /> : null}
      {history.data && !runs.length ? <p className="quiet">It hasn’t run{execution.finishedAt ? "" : " yet"}.</p> : null}
      {runs.length ? <Runs key={page} runs={runs} execution={execution} /> : null}
      {history.data?.nextPageToken || page ? (
        <p className="actions">
          {page ? <button type="button" onClick={() => setPage("")}>Its first runs</button> : null}
          {history.data?.nextPageToken ? <button type="button" onClick={() => setPage(history.data.nextPageToken ?? "")}>Later runs</button> : null}
        </p>
      ) : null}
      {definition?.parameters && Object.keys(definition.parameters).length ? (
        <Section title="Parameters" closed>
          <Json text={JSON.stringify(definition.parameters)} label="Parameters" />
        </Section>
      ) : null}
    </aside>
  );
}

function Runs({ runs, execution }: { runs: NodeRun[]; execution: Execution }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const failed = runs.find((run) => run.status === "NODE_FAILED");
  const shown = runs.find((run) => key(run) === chosen) ?? failed ?? runs.at(-1);
  if (!shown) return null;
  return (
    <>
      {runs.length > 1 ? (
        <div className="field inline">
          <label htmlFor="node-run">Run</label>
          <select id="node-run" value={key(shown)} onChange={(event) => setChosen(event.target.value)}>
            {runs.map((run) => (
              <option key={key(run)} value={key(run)}>
                {runName(run)} · {NODE_STATUS[run.status ?? "NODE_RUN_STATUS_UNSPECIFIED"].text}
              </option>
            ))}
          </select>
        </div>
      ) : null}
      <OneRun run={shown} execution={execution} />
    </>
  );
}

function OneRun({ run, execution }: { run: NodeRun; execution: Execution }) {
  const may = useMay();
  const [retries, setRetries] = useState(false);
  const canRetry = Boolean(execution.finishedAt) && may("WorkflowService", "RetryExecution") && !run.parent;
  return (
    <>
      <p className="run-line">
        <NodeStatusBadge status={run.status} />
        <Took start={run.startedAt} end={run.finishedAt} ticking={!execution.finishedAt} />
        {(run.attempt ?? 1) > 1 ? <span>attempt {run.attempt}</span> : null}
        {run.reused ? <span className="tag">taken over</span> : null}
        {run.parent ? <span className="quiet">for {run.parent}</span> : null}
      </p>
      {run.error?.message ? (
        <div className="notice tone-bad">
          <code>{run.error.code}</code>
          {run.error.item === undefined ? null : <span className="quiet"> item {Number(run.error.item) + 1}</span>}
          <LongText text={run.error.message} />
          {run.error.hint ? <p className="advice">What to do: {run.error.hint}</p> : null}
        </div>
      ) : null}
      {canRetry ? (
        <button type="button" onClick={() => setRetries(true)}>
          Retry from here
        </button>
      ) : null}
      <Ports title="Input" ports={run.inputs ?? []} />
      <Ports title="Output" ports={run.outputs ?? []} />
      {run.failedAttempts?.length ? (
        <Section title={`Failed attempts (${run.failedAttempts.length})`}>
          <ol className="attempts">
            {run.failedAttempts.map((attempt) => (
              <li key={attempt.attempt}>
                <span className="quiet">{dateTime(attempt.failedAt ?? "")}</span> <code>{attempt.error?.code}</code>
                <LongText text={attempt.error?.message ?? ""} length={300} />
              </li>
            ))}
          </ol>
        </Section>
      ) : null}
      {run.logs?.length ? (
        <Section title={`Log (${count(run.logs.length, "line")})`}>
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reached by keyboard */}
          <pre className="log" tabIndex={0}>{run.logs.slice(-MOST_LOGS).join("\n")}</pre>
        </Section>
      ) : null}
      {run.usage ? (
        <Section title="Model">
          <p>
            {run.usage.provider} {run.usage.model}: {count(Number(run.usage.inputTokens ?? 0), "token")} in, {count(Number(run.usage.outputTokens ?? 0), "token")} out
            {run.usage.costUsd ? `, $${Number(run.usage.costUsd).toFixed(4)}` : ""}
          </p>
        </Section>
      ) : null}
      {retries ? <RetryDialog execution={execution} node={run.node ?? ""} inputs={run.inputs ?? []} onClose={() => setRetries(false)} /> : null}
    </>
  );
}

function Ports({ title, ports }: { title: string; ports: PortItems[] }) {
  return ports.map((port, index) => {
    const name = ports.length > 1 || (port.port && port.port !== "main" && port.port !== "0") ? `${title}: ${port.port || index + 1}` : title;
    return (
      <Section key={port.port ?? index} title={`${name} (${count(port.count ?? 0, "item")})`} closed={!port.count}>
        {port.itemsJson ? (
          <Json text={itemsShown(port.itemsJson)} label={name} />
        ) : port.count ? (
          <p className="quiet">{bytes(Number(port.sizeBytes ?? 0))}: too large to show here. <code>orchestrator executions history</code> has it.</p>
        ) : (
          <p className="quiet">Nothing.</p>
        )}
      </Section>
    );
  });
}

function Section({ title, closed = false, children }: { title: string; closed?: boolean; children: React.ReactNode }) {
  return (
    <details className="section" open={!closed}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}

function key(run: NodeRun): string {
  return `${run.parent ?? ""} ${run.runIndex ?? 0}`;
}

function runName(run: NodeRun): string {
  const index = run.runIndex ?? 0;
  return index < 0 ? `Call ${-index}` : `Run ${index + 1}`;
}
