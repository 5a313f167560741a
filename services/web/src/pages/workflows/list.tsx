import { useDeferredValue, useState } from "react";
import { Link, useSearchParams } from "wouter";
import type { WorkflowSummary } from "../../api/contract";
import { useCall } from "../../api/hooks";
import { useMay } from "../../api/session";
import { Clip } from "../../ui/clip";
import { Empty, ErrorNotice, Loading } from "../../ui/notice";
import { Page, Pager } from "../../ui/page";
import { Badge } from "../../ui/status";
import { Ago } from "../../ui/time";
import { ImportDialog } from "./import";

const PAGE_SIZE = 50;
const LARGEST_PAGE = 1000;

/** The workflows, with a search. */
export default function WorkflowList() {
  const may = useMay();
  const [search, setSearch] = useSearchParams();
  const [importing, setImporting] = useState(false);
  const chosen = { name: search.get("name") ?? "", tags: search.getAll("tag"), active: search.get("active") === "1", page: search.get("page") ?? "" };
  const nameContains = useDeferredValue(chosen.name);
  const workflows = useCall(
    "WorkflowService",
    "ListWorkflows",
    // The server knows no filter by activation: a page as large as can be is looked through.
    { nameContains, tags: chosen.tags, pageSize: chosen.active ? LARGEST_PAGE : PAGE_SIZE, pageToken: chosen.page },
    { keep: true },
  );
  const change = (edit: (next: URLSearchParams) => void) =>
    setSearch(
      (former) => {
        const next = new URLSearchParams(former);
        next.delete("page");
        edit(next);
        return next;
      },
      { replace: true },
    );
  const found = (workflows.data?.workflows ?? []).filter((one) => !chosen.active || one.activeVersion);
  const filtered = Boolean(chosen.name || chosen.tags.length || chosen.active);
  const mayImport = may("WorkflowService", "CreateWorkflow");
  const importButton = mayImport ? (
    <button type="button" className="primary" onClick={() => setImporting(true)}>
      Import
    </button>
  ) : null;
  return (
    <Page title="Workflows" actions={importButton}>
      <form className="filters" role="search" aria-label="Workflows" onSubmit={(event) => event.preventDefault()}>
        <label>
          Name
          <input type="search" value={chosen.name} placeholder="A part of it" onChange={(event) => change((next) => (event.target.value ? next.set("name", event.target.value) : next.delete("name")))} />
        </label>
        <label className="choice">
          <input type="checkbox" checked={chosen.active} onChange={(event) => change((next) => (event.target.checked ? next.set("active", "1") : next.delete("active")))} />
          Active only
        </label>
        {chosen.tags.map((tag) => (
          <button key={tag} type="button" className="tag" aria-label={`Don’t filter by tag ${tag}`} onClick={() => change((next) => next.delete("tag", tag))}>
            {tag} ✕
          </button>
        ))}
      </form>
      <ErrorNotice error={workflows.error} onRetry={() => void workflows.refetch()} />
      {workflows.isPending ? <Loading what="workflows" /> : null}
      {workflows.data && !found.length ? <Nothing filtered={filtered} action={importButton} /> : null}
      {found.length ? <Table workflows={found} onTag={(tag) => change((next) => next.append("tag", tag))} chosen={chosen.tags} /> : null}
      <Pager token={chosen.page} next={workflows.data?.nextPageToken} onChoose={(token) => change((next) => (token ? next.set("page", token) : undefined))} />
      {importing ? <ImportDialog onClose={() => setImporting(false)} /> : null}
    </Page>
  );
}

function Nothing({ filtered, action }: { filtered: boolean; action: React.ReactNode }) {
  if (filtered)
    return (
      <Empty title="No workflow fits.">
        <Link href="/workflows" className="button">
          Show all
        </Link>
      </Empty>
    );
  return (
    <Empty title="There are no workflows yet.">
      <p>
        Import a workflow’s JSON here, or store one by <code>orchestrator workflows create FILE</code>.
      </p>
      {action}
    </Empty>
  );
}

interface TableProps {
  workflows: WorkflowSummary[];
  chosen: string[];
  onTag(tag: string): void;
}

function Table({ workflows, chosen, onTag }: TableProps) {
  return (
    <div className="table-scroll">
      <table className="cards">
        <caption className="sr-only">Workflows</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">State</th>
            <th scope="col">Tags</th>
            <th scope="col" className="number">Nodes</th>
            <th scope="col">Changed</th>
          </tr>
        </thead>
        <tbody>
          {workflows.map((one) => (
            <tr key={one.id}>
              <th scope="row">
                <Link href={`/workflows/${encodeURIComponent(one.id ?? "")}`} className="row-link">
                  <Clip text={one.name || one.id || ""} length={80} />
                </Link>
                {one.description ? (
                  <span className="row-note quiet" dir="auto">
                    <Clip text={one.description} length={120} />
                  </span>
                ) : null}
              </th>
              <td>
                <ActiveBadge version={one.activeVersion ?? 0} latest={one.version ?? 0} />
              </td>
              <td>
                <span className="tags">
                  {one.tags?.map((tag) => (
                    <button key={tag} type="button" className="tag" disabled={chosen.includes(tag)} aria-label={`Filter by tag ${tag}`} onClick={() => onTag(tag)}>
                      <Clip text={tag} length={30} />
                    </button>
                  ))}
                </span>
              </td>
              <td className="number">
                {one.nodeCount ?? 0}
                <span className="unit"> nodes</span>
              </td>
              <td className="quiet">
                v{one.version}, <Ago time={one.updatedAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Whether triggers are on, and whether for what was written last. */
export function ActiveBadge({ version, latest }: { version: number; latest: number }) {
  if (!version) return <Badge look={{ text: "Off", icon: "dash", tone: "idle" }} />;
  const text = version === latest ? "Active" : `Active: v${version}`;
  return <Badge look={{ text, icon: "check", tone: "good" }} />;
}
