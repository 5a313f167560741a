import { useMemo } from "react";
import { useCall } from "../../api/hooks";
import { diffLines, diffWorkflows, isSame } from "../../text/diff";
import type { Change, Line, WorkflowDiff } from "../../text/diff";
import { writeDefinition } from "../../text/definition";
import { clip } from "../../text/format";
import { ErrorNotice, Loading } from "../../ui/notice";

const CONTEXT = 3;
const MOST_LINES = 1500;

/** What tells two versions of a workflow apart. */
export function VersionDiff({ workflowId, before, after }: { workflowId: string; before: number; after: number }) {
  const first = useCall("WorkflowService", "GetWorkflow", { workflowId, version: before });
  const second = useCall("WorkflowService", "GetWorkflow", { workflowId, version: after });
  const [one, other] = [first.data?.workflow, second.data?.workflow];
  const found = useMemo(
    () => (one && other ? { diff: diffWorkflows(one, other), lines: diffLines(writeDefinition(one), writeDefinition(other)) } : null),
    [one, other],
  );
  if (first.error ?? second.error) return <ErrorNotice error={first.error ?? second.error} />;
  if (!found) return <Loading what="both versions" />;
  if (isSame(found.diff)) return <p role="status">They say the same.</p>;
  return (
    <>
      <Summary diff={found.diff} />
      <details className="section">
        <summary>As JSON</summary>
        <Lines lines={found.lines} />
      </details>
    </>
  );
}

function Summary({ diff }: { diff: WorkflowDiff }) {
  return (
    <ul className="diff">
      {diff.added.map((node) => (
        <li key={node.name}>
          <Kind kind="added" /> <bdi>{node.name}</bdi> <span className="quiet">{node.subtype}</span>
        </li>
      ))}
      {diff.removed.map((node) => (
        <li key={node.name}>
          <Kind kind="removed" /> <bdi>{node.name}</bdi> <span className="quiet">{node.subtype}</span>
        </li>
      ))}
      {diff.changed.map((node) => (
        <li key={node.name}>
          <Kind kind="changed" /> <bdi>{node.name}</bdi> {node.formerName ? <span className="quiet">was “{node.formerName}”</span> : null}
          <Changes changes={node.changes} />
        </li>
      ))}
      {diff.connectionsAdded.map((arrow) => (
        <li key={arrow}>
          <Kind kind="added" /> <span className="quiet">arrow</span> <bdi>{arrow}</bdi>
        </li>
      ))}
      {diff.connectionsRemoved.map((arrow) => (
        <li key={arrow}>
          <Kind kind="removed" /> <span className="quiet">arrow</span> <bdi>{arrow}</bdi>
        </li>
      ))}
      {diff.rest.length ? (
        <li>
          <Kind kind="changed" /> the workflow itself
          <Changes changes={diff.rest} />
        </li>
      ) : null}
    </ul>
  );
}

const SIGNS = { added: "+ added", removed: "− removed", changed: "~ changed" };

function Kind({ kind }: { kind: keyof typeof SIGNS }) {
  return <span className={`diff-kind ${kind}`}>{SIGNS[kind]}</span>;
}

function Changes({ changes }: { changes: Change[] }) {
  return (
    <ul className="changes">
      {changes.map((change) => (
        <li key={change.path}>
          <code>{change.path}</code>: <del>{shown(change.before)}</del> <span aria-hidden="true">→</span> <ins>{shown(change.after)}</ins>
        </li>
      ))}
    </ul>
  );
}

function shown(value: unknown): string {
  return value === undefined ? "not set" : clip(JSON.stringify(value), 200);
}

/** Only what changed, with a few lines around it. */
function Lines({ lines }: { lines: Line[] }) {
  const near = new Set<number>();
  lines.forEach((line, index) => {
    if (line.kind !== "same") for (let at = index - CONTEXT; at <= index + CONTEXT; at++) near.add(at);
  });
  const shownLines = lines.map((line, index) => ({ ...line, index })).filter(({ index }) => near.has(index)).slice(0, MOST_LINES);
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reached by keyboard
    <pre className="diff-lines" tabIndex={0}>
      {shownLines.map(({ kind, text, index }, position) => (
        <span key={index} className={kind}>
          {position && shownLines[position - 1]?.index !== index - 1 ? "⋯\n" : ""}
          {kind === "added" ? "+ " : kind === "removed" ? "− " : "  "}
          {text}
          {"\n"}
        </span>
      ))}
    </pre>
  );
}
