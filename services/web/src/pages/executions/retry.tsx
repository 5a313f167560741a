import { useState } from "react";
import { useLocation } from "wouter";
import type { Execution, PortItems } from "../../api/contract";
import { useDo } from "../../api/hooks";
import { jsonProblem } from "../../text/exact_json";
import { itemsJson } from "../../text/items";
import { Dialog } from "../../ui/dialog";
import { ErrorNotice } from "../../ui/notice";

interface Props {
  execution: Execution;
  node: string;
  /** What the node got; empty where its input can't be edited. */
  inputs: PortItems[];
  onClose(): void;
}

/** Starts a new run from a node, with its recorded input or another. */
export function RetryDialog({ execution, node, inputs, onClose }: Props) {
  const retry = useDo("WorkflowService", "RetryExecution");
  const [, navigate] = useLocation();
  const [texts, setTexts] = useState(() => inputs.map((input) => itemsJson(input.itemsJson ?? "")));
  const [edits, setEdits] = useState(false);
  const [latest, setLatest] = useState(false);
  // One for each dialog: a second click starts no second run.
  const [requestId] = useState(() => crypto.randomUUID());
  const [problem, setProblem] = useState("");
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    const wrong = edits ? texts.map((text) => jsonProblem(text, "items")).find(Boolean) : "";
    setProblem(wrong ?? "");
    if (wrong) return;
    const replaced = edits ? Object.fromEntries(texts.map((json, index) => [String(index), { json }])) : {};
    retry.mutate(
      { executionId: execution.executionId ?? "", node, requestId, latestVersion: latest, inputs: replaced },
      { onSuccess: (answer) => navigate(`/executions/${encodeURIComponent(answer.executionId ?? "")}`) },
    );
  };
  return (
    <Dialog title={node ? `Retry from “${node}”` : "Retry"} onClose={onClose} wide={edits}>
      <form onSubmit={submit}>
        <p>A new run starts. It takes over what this one recorded before the node, and runs the node and all after it again.</p>
        {inputs.length ? (
          <label className="choice">
            <input type="checkbox" checked={edits} onChange={(event) => setEdits(event.target.checked)} /> Change the node’s input
          </label>
        ) : null}
        {edits
          ? texts.map((text, index) => (
              // oxlint-disable-next-line react/no-array-index-key -- ports have no other name than their position
              <div className="field" key={index}>
                <label htmlFor={`input-${index}`}>{texts.length > 1 ? `Input ${index + 1}` : "Input"}, as a JSON list of objects</label>
                <textarea id={`input-${index}`} className="code" rows={12} spellCheck={false} value={text} onChange={(event) => setTexts(texts.map((one, at) => (at === index ? event.target.value : one)))} />
              </div>
            ))
          : null}
        <label className="choice">
          <input type="checkbox" checked={latest} onChange={(event) => setLatest(event.target.checked)} /> Use the workflow’s latest version, not version {execution.version}
        </label>
        {problem ? <p className="field-problem" role="alert">{problem}</p> : null}
        <ErrorNotice error={retry.error} />
        <div className="actions">
          <button type="submit" className="primary" disabled={retry.isPending}>
            {retry.isPending ? "Starting…" : "Start the new run"}
          </button>
          <button type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </form>
    </Dialog>
  );
}
