import { useState } from "react";
import { Link, useSearchParams } from "wouter";
import type { Execution, ExecutionStatus } from "../../api/contract";
import { useCall } from "../../api/hooks";
import { dateTime, words } from "../../text/format";
import { Clip } from "../../ui/clip";
import { Empty, ErrorNotice, Loading } from "../../ui/notice";
import { Page, Pager } from "../../ui/page";
import { EXECUTION_STATUS, isOpen, StatusBadge } from "../../ui/status";
import { Ago, Took } from "../../ui/time";

const STATUSES: ExecutionStatus[] = ["RUNNING", "PAUSED", "COMPLETED", "FAILED", "CANCELED", "TIMED_OUT"];
const SPANS: Record<string, { title: string; hours: number }> = {
  hour: { title: "Last hour", hours: 1 },
  day: { title: "Last 24 hours", hours: 24 },
  week: { title: "Last 7 days", hours: 168 },
  month: { title: "Last 30 days", hours: 720 },
};
const PAGE_SIZE = 50;

/** The runs, the latest first. */
export default function ExecutionList() {
  const [search, setSearch] = useSearchParams();
  const chosen = { workflow: search.get("workflow") ?? "", status: search.get("status") ?? "", span: search.get("time") ?? "", page: search.get("page") ?? "" };
  const startedAfter = useStart(chosen.span);
  const executions = useCall(
    "WorkflowService",
    "ListExecutions",
    {
      workflowId: chosen.workflow,
      statuses: STATUSES.filter((status) => status === chosen.status),
      ...(startedAfter ? { startedAfter } : {}),
      pageSize: PAGE_SIZE,
      pageToken: chosen.page,
    },
    { keep: true, every: (data) => (data?.executions?.some((one) => isOpen(one.status)) ? 3000 : 15_000) },
  );
  const set = (name: string, value: string) =>
    setSearch((former) => {
      const next = new URLSearchParams(former);
      next.delete("page");
      if (value) next.set(name, value);
      else next.delete(name);
      return next;
    });
  const found = executions.data?.executions ?? [];
  const filtered = Boolean(chosen.workflow || chosen.status || chosen.span);
  return (
    <Page title="Executions">
      <Filters chosen={chosen} onChoose={set} />
      <ErrorNotice error={executions.error} onRetry={() => void executions.refetch()} />
      {executions.isPending ? <Loading what="executions" /> : null}
      {executions.data && !found.length ? <Nothing filtered={filtered} /> : null}
      {found.length ? <Table executions={found} /> : null}
      <Pager token={chosen.page} next={executions.data?.nextPageToken} onChoose={(token) => set("page", token)} />
    </Page>
  );
}

/** The beginning of a span of time, which stays the same while the page is open, so that pages of it fit together. */
function useStart(span: string): string {
  const [opened] = useState(() => Date.now());
  const hours = SPANS[span]?.hours;
  return hours ? new Date(opened - hours * 3_600_000).toISOString() : "";
}

interface FilterProps {
  chosen: { workflow: string; status: string; span: string };
  onChoose(name: string, value: string): void;
}

function Filters({ chosen, onChoose }: FilterProps) {
  const workflows = useCall("WorkflowService", "ListWorkflows", { pageSize: 1000 });
  return (
    <form className="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        Workflow
        <select value={chosen.workflow} onChange={(event) => onChoose("workflow", event.target.value)}>
          <option value="">All</option>
          {chosen.workflow && !workflows.data?.workflows?.some((one) => one.id === chosen.workflow) ? <option>{chosen.workflow}</option> : null}
          {workflows.data?.workflows?.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name || one.id}
            </option>
          ))}
        </select>
      </label>
      <label>
        Status
        <select value={chosen.status} onChange={(event) => onChoose("status", event.target.value)}>
          <option value="">All</option>
          {STATUSES.map((status) => (
            <option key={status} value={status}>
              {EXECUTION_STATUS[status].text}
            </option>
          ))}
        </select>
      </label>
      <label>
        Started
        <select value={chosen.span} onChange={(event) => onChoose("time", event.target.value)}>
          <option value="">At any time</option>
          {Object.entries(SPANS).map(([span, { title }]) => (
            <option key={span} value={span}>
              {title}
            </option>
          ))}
        </select>
      </label>
    </form>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered)
    return (
      <Empty title="No execution fits these filters.">
        <Link href="/executions" className="button">
          Show all
        </Link>
      </Empty>
    );
  return (
    <Empty title="Nothing has run yet.">
      <p>Open a workflow and choose Run, or activate it so that its triggers start it.</p>
      <Link href="/workflows" className="button">
        Go to the workflows
      </Link>
    </Empty>
  );
}

function Table({ executions }: { executions: Execution[] }) {
  return (
    <div className="table-scroll">
      <table className="cards">
        <caption className="sr-only">Executions, the latest first</caption>
        <thead>
          <tr>
            <th scope="col">Workflow</th>
            <th scope="col">Status</th>
            <th scope="col">Started</th>
            <th scope="col" className="number">Took</th>
            <th scope="col">By</th>
          </tr>
        </thead>
        <tbody>
          {executions.map((one) => (
            <tr key={one.executionId}>
              <th scope="row">
                <Link href={`/executions/${encodeURIComponent(one.executionId ?? "")}`} className="row-link">
                  <Clip text={one.workflowName || one.workflowId || ""} length={70} />
                  <span className="sr-only">, started {dateTime(one.startedAt ?? "")}</span>
                </Link>
                {one.error?.message ? (
                  <span className="row-note" dir="auto">
                    {one.error.node ? `${one.error.node}: ` : ""}
                    <Clip text={one.error.message} length={110} />
                  </span>
                ) : null}
              </th>
              <td>
                <StatusBadge status={one.status} />
              </td>
              <td>
                <Ago time={one.startedAt} />
              </td>
              <td className="number">
                <Took start={one.startedAt} end={one.finishedAt} ticking={isOpen(one.status)} />
              </td>
              <td className="quiet">{words(one.mode ?? "")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
