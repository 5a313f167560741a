import { useMemo, useState } from "react";
import { Link } from "wouter";
import type { Execution } from "../../api/contract";
import { useCall } from "../../api/hooks";
import type { RunState } from "../../api/run_state";
import type { Connection } from "../../api/watch";
import { graphOf } from "../../graph/model";
import { GraphView } from "../../graph/view";
import { count, words } from "../../text/format";
import { Clip } from "../../ui/clip";
import { ErrorNotice, Loading } from "../../ui/notice";
import { Page } from "../../ui/page";
import { EXECUTION_STATUS, isOpen, StatusBadge } from "../../ui/status";
import { Ago, Took } from "../../ui/time";
import { ExecutionActions } from "./actions";
import { Failure } from "./failure";
import { NodePanel } from "./node_panel";
import { Related } from "./related";
import { useRun } from "./use_run";
import { WaitingTasks } from "./waiting";

/** One run: its graph, live, and what each node did. */
export default function ExecutionPage({ id }: { id: string }) {
  const { run, connection, error } = useRun(id);
  const live = connection === "connecting" || connection === "live" || connection === "lost";
  const stored = useCall("WorkflowService", "GetExecution", { executionId: id }, { every: live ? 20_000 : false });
  if (stored.error && !stored.data)
    return (
      <Page title="Execution">
        <ErrorNotice error={stored.error} onRetry={() => void stored.refetch()} />
        <Link href="/executions">Back to the executions</Link>
      </Page>
    );
  if (!stored.data?.execution)
    return (
      <Page title="Execution">
        <Loading what="the execution" />
      </Page>
    );
  return <Loaded execution={newer(stored.data.execution, run)} run={run} connection={connection} error={error} />;
}

/** The stream is ahead of the stored record, which alone has output and usage. */
function newer(stored: Execution, run: RunState): Execution {
  const seen = run.execution;
  return run.sequence >= Number(stored.lastSequence ?? 0) && seen.status ? { ...stored, ...seen } : stored;
}

interface LoadedProps {
  execution: Execution;
  run: RunState;
  connection: Connection;
  error: Error | null;
}

function Loaded({ execution, run, connection, error }: LoadedProps) {
  const [chosen, setChosen] = useState("");
  const workflow = useCall("WorkflowService", "GetWorkflow", { workflowId: execution.workflowId ?? "", version: execution.version ?? 0 });
  const definition = workflow.data?.workflow;
  const graph = useMemo(() => (definition ? graphOf(definition) : null), [definition]);
  const name = execution.workflowName || execution.workflowId || "";
  const selected = chosen || execution.error?.node || "";
  return (
    <Page title={`${name}, ${EXECUTION_STATUS[execution.status ?? "EXECUTION_STATUS_UNSPECIFIED"].text.toLowerCase()}`} heading={<Heading execution={execution} name={name} />} actions={<ExecutionActions execution={execution} />}>
      <Facts execution={execution} />
      <LiveStatus connection={connection} execution={execution} run={run} />
      <ErrorNotice error={error} />
      <Failure execution={execution} onChoose={setChosen} />
      {isOpen(execution.status) ? <WaitingTasks execution={execution} run={run} /> : null}
      <div className={selected ? "split" : ""}>
        <div>
          <ErrorNotice error={workflow.error} onRetry={() => void workflow.refetch()} />
          {graph ? <GraphView graph={graph} label={`Nodes of ${name}`} states={run.nodes} selected={selected} onSelect={setChosen} /> : null}
          {workflow.isPending ? <Loading what="the graph" /> : null}
          {selected ? null : <p className="quiet hint">Choose a node to see its inputs and outputs.</p>}
        </div>
        {selected && definition ? (
          <NodePanel key={selected} execution={execution} workflow={definition} node={selected} state={run.nodes.get(selected)} onClose={() => setChosen("")} />
        ) : null}
      </div>
      <Related execution={execution} />
    </Page>
  );
}

function Heading({ execution, name }: { execution: Execution; name: string }) {
  return (
    <>
      <Clip text={name} length={90} /> <StatusBadge status={execution.status} />
    </>
  );
}

function Facts({ execution }: { execution: Execution }) {
  const usage = execution.usage ?? [];
  const tokens = usage.reduce((sum, one) => sum + Number(one.inputTokens ?? 0) + Number(one.outputTokens ?? 0), 0);
  const cost = usage.reduce((sum, one) => sum + Number(one.costUsd ?? 0), 0);
  return (
    <dl className="facts">
      <div>
        <dt>Workflow</dt>
        <dd>
          <Link href={`/workflows/${encodeURIComponent(execution.workflowId ?? "")}`}>Version {execution.version}</Link>
        </dd>
      </div>
      <div>
        <dt>Started</dt>
        <dd>
          <Ago time={execution.startedAt} /> · {words(execution.mode ?? "")}
        </dd>
      </div>
      <div>
        <dt>Took</dt>
        <dd>
          <Took start={execution.startedAt} end={execution.finishedAt} ticking={isOpen(execution.status)} />
        </dd>
      </div>
      {tokens ? (
        <div>
          <dt>Models</dt>
          <dd>
            {count(tokens, "token")}
            {cost ? ` · $${cost.toFixed(cost < 0.1 ? 4 : 2)}` : ""}
          </dd>
        </div>
      ) : null}
      <div>
        <dt>Id</dt>
        <dd>
          <code className="id">{execution.executionId}</code>
        </dd>
      </div>
    </dl>
  );
}

function LiveStatus({ connection, execution, run }: { connection: Connection; execution: Execution; run: RunState }) {
  const states = [...run.nodes.values()];
  const done = states.filter((state) => state.status === "NODE_COMPLETED").length;
  const waiting = states.filter((state) => state.status === "NODE_WAITING").length;
  const said = isOpen(execution.status) ? `${count(done, "node")} completed${waiting ? `, ${waiting} waiting` : ""}` : `The run has ended: ${EXECUTION_STATUS[execution.status ?? "EXECUTION_STATUS_UNSPECIFIED"].text.toLowerCase()}, ${count(done, "node")} completed`;
  return (
    <>
      <p className="live" role="status">
        {connection === "live" && isOpen(execution.status) ? <span className="pulse" aria-hidden="true" /> : null}
        {said}
      </p>
      {connection === "lost" && isOpen(execution.status) ? (
        <p className="banner" role="alert">
          The connection is lost. What you see may be old; it is tried again by itself.
        </p>
      ) : null}
    </>
  );
}
