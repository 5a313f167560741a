import { useMemo, useState } from "react";
import { Link, useSearchParams } from "wouter";
import type { Workflow } from "../../api/contract";
import { useCall } from "../../api/hooks";
import { useMay } from "../../api/session";
import { graphOf } from "../../graph/model";
import { GraphView } from "../../graph/view";
import { fileName, writeDefinition } from "../../text/definition";
import { count } from "../../text/format";
import { Clip, LongText } from "../../ui/clip";
import { Json } from "../../ui/json";
import { ErrorNotice, Loading, ProblemList } from "../../ui/notice";
import { Page } from "../../ui/page";
import { Tabs } from "../../ui/tabs";
import { Ago } from "../../ui/time";
import { ActivationPanel } from "./activation";
import { ActiveBadge } from "./list";
import { RunDialog } from "./run";
import { Versions } from "./versions";

/** One workflow: its graph, its triggers, its versions. */
export default function WorkflowPage({ id }: { id: string }) {
  const stored = useCall("WorkflowService", "GetWorkflow", { workflowId: id });
  if (stored.data?.workflow) return <Loaded workflow={stored.data.workflow} />;
  return (
    <Page title="Workflow">
      {stored.error ? <ErrorNotice error={stored.error} onRetry={() => void stored.refetch()} /> : <Loading what="the workflow" />}
      <Link href="/workflows">Back to the workflows</Link>
    </Page>
  );
}

function Loaded({ workflow }: { workflow: Workflow }) {
  const may = useMay();
  const [search, setSearch] = useSearchParams();
  const [running, setRunning] = useState(false);
  const workflowId = workflow.id ?? "";
  const activation = useCall("WorkflowService", "GetActivation", { workflowId }, { every: 30_000, enabled: may("WorkflowService", "GetActivation") });
  const validation = useCall("WorkflowService", "ValidateWorkflow", { workflowId });
  const problems = validation.data?.problems ?? [];
  const active = activation.data?.activation;
  const tab = search.get("tab") ?? "nodes";
  return (
    <Page
      title={workflow.name || workflowId}
      heading={
        <>
          <Clip text={workflow.name || workflowId} length={90} /> <ActiveBadge version={active?.version ?? 0} latest={workflow.version ?? 0} />
        </>
      }
      actions={
        <>
          {may("WorkflowService", "ExecuteWorkflow") ? (
            <button type="button" className="primary" onClick={() => setRunning(true)}>
              Run
            </button>
          ) : null}
          <ExportButton workflow={workflow} />
          <Link className="button" href={`/executions?workflow=${encodeURIComponent(workflowId)}`}>
            Executions
          </Link>
        </>
      }
    >
      {workflow.description ? <LongText text={workflow.description} length={400} /> : null}
      <p className="quiet">
        Version {workflow.version}, {count(workflow.nodes?.length ?? 0, "node")}, changed <Ago time={workflow.updatedAt} />
        {workflow.tags?.map((tag) => (
          <Link key={tag} className="tag" href={`/workflows?tag=${encodeURIComponent(tag)}`}>
            <Clip text={tag} length={30} />
          </Link>
        ))}
      </p>
      <ErrorNotice error={validation.error} />
      {problems.length ? (
        <section aria-labelledby="problems" className="problem-box">
          <h2 id="problems">{count(problems.length, "problem")}</h2>
          <ProblemList problems={problems} />
        </section>
      ) : null}
      <Tabs
        label="About this workflow"
        chosen={tab}
        onChoose={(chosen) => setSearch({ tab: chosen }, { replace: true })}
        tabs={[
          { id: "nodes", title: "Nodes", content: <Definition workflow={workflow} /> },
          { id: "triggers", title: "Triggers", content: <ActivationPanel workflow={workflow} active={active} error={activation.error} /> },
          { id: "versions", title: "Versions", content: <Versions workflow={workflow} /> },
        ]}
      />
      {running ? <RunDialog workflow={workflow} onClose={() => setRunning(false)} /> : null}
    </Page>
  );
}

function Definition({ workflow }: { workflow: Workflow }) {
  const [chosen, setChosen] = useState("");
  const graph = useMemo(() => graphOf(workflow), [workflow]);
  const node = workflow.nodes?.find((one) => one.name === chosen);
  return (
    <div className={node ? "split" : ""}>
      <GraphView graph={graph} label={`Nodes of ${workflow.name}`} selected={chosen} onSelect={setChosen} />
      {node ? (
        <aside className="panel" aria-label={`Node ${chosen}`}>
          <header>
            <h2>
              <Clip text={chosen} />
            </h2>
            <button type="button" className="small" onClick={() => setChosen("")} aria-label="Close the node’s details">
              ✕
            </button>
          </header>
          {node.notes ? <LongText text={node.notes} /> : null}
          <Json text={JSON.stringify(node)} label={`Definition of ${chosen}`} />
        </aside>
      ) : null}
    </div>
  );
}

function ExportButton({ workflow }: { workflow: Workflow }) {
  const save = () => {
    const url = URL.createObjectURL(new Blob([writeDefinition(workflow)], { type: "application/json" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = fileName(workflow);
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <button type="button" onClick={save}>
      Export
    </button>
  );
}
