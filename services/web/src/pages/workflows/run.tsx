import { useState } from "react";
import { useLocation } from "wouter";
import type { Node, Workflow } from "../../api/contract";
import { useDo } from "../../api/hooks";
import { jsonProblem } from "../../text/exact_json";
import { fieldProblems, filledJson, initialValues, triggerFields } from "../../text/fields";
import { words } from "../../text/format";
import { LongText } from "../../ui/clip";
import { Dialog } from "../../ui/dialog";
import { Fields } from "../../ui/fields";
import { ErrorNotice } from "../../ui/notice";

/** Starts a run by hand: from a form where the trigger says what it takes, from JSON otherwise. */
export function RunDialog({ workflow, onClose }: { workflow: Workflow; onClose(): void }) {
  const triggers = workflow.nodes?.filter((node) => node.type === "TRIGGER_NODE" && !node.disabled) ?? [];
  const [chosen, setChosen] = useState(triggers[0]?.name ?? "");
  const trigger = triggers.find((node) => node.name === chosen);
  return (
    <Dialog title={`Run “${workflow.name}”`} onClose={onClose}>
      {triggers.length > 1 ? (
        <div className="field">
          <label htmlFor="trigger">Begin at</label>
          <select id="trigger" value={chosen} onChange={(event) => setChosen(event.target.value)}>
            {triggers.map((node) => (
              <option key={node.name} value={node.name}>
                {node.name} ({words(node.subtype ?? "").toLowerCase()})
              </option>
            ))}
          </select>
        </div>
      ) : null}
      {trigger ? <RunForm key={chosen} workflow={workflow} trigger={trigger} onClose={onClose} /> : <p>The workflow has no trigger to begin at. Add one, for instance MANUAL.</p>}
    </Dialog>
  );
}

function RunForm({ workflow, trigger, onClose }: { workflow: Workflow; trigger: Node; onClose(): void }) {
  const fields = triggerFields(trigger);
  const [values, setValues] = useState(() => initialValues(fields));
  const [problems, setProblems] = useState<Record<string, string>>({});
  const [asJson, setAsJson] = useState(!fields.length);
  const [json, setJson] = useState("{}");
  const [jsonWrong, setJsonWrong] = useState("");
  // One for each dialog: a second click starts no second run.
  const [requestId] = useState(() => crypto.randomUUID());
  const execute = useDo("WorkflowService", "ExecuteWorkflow");
  const [, navigate] = useLocation();
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    const wrong = asJson ? {} : fieldProblems(fields, values);
    const wrongJson = asJson ? jsonProblem(json, "items") : "";
    setProblems(wrong);
    setJsonWrong(wrongJson);
    if (wrongJson || Object.keys(wrong).length) return;
    execute.mutate(
      {
        workflowId: workflow.id ?? "",
        mode: "MANUAL",
        trigger: trigger.name ?? "",
        version: workflow.version ?? 0,
        input: { json: asJson ? json : filledJson(fields, values) },
        requestId,
      },
      { onSuccess: (answer) => navigate(`/executions/${encodeURIComponent(answer.executionId ?? "")}`) },
    );
  };
  const toJson = () => {
    if (!asJson) setJson(filledJson(fields, values));
    setAsJson(!asJson);
  };
  const { description } = (trigger.parameters ?? {}) as { description?: unknown };
  return (
    <form onSubmit={submit} noValidate>
      {typeof description === "string" && description ? <LongText text={description} length={500} /> : null}
      {asJson ? (
        <div className="field">
          <label htmlFor="input">Input, as JSON: one object, or a list of objects</label>
          <textarea id="input" className="code" rows={8} spellCheck={false} aria-invalid={Boolean(jsonWrong)} {...(jsonWrong ? { "aria-describedby": "input-problem" } : {})} value={json} onChange={(event) => setJson(event.target.value)} />
          {jsonWrong ? <span id="input-problem" className="field-problem" role="alert">{jsonWrong}</span> : null}
        </div>
      ) : (
        <Fields fields={fields} values={values} problems={problems} onChange={setValues} />
      )}
      <ErrorNotice error={execute.error} />
      <div className="actions">
        <button type="submit" className="primary" disabled={execute.isPending}>
          {execute.isPending ? "Starting…" : "Start the run"}
        </button>
        {fields.length ? (
          <button type="button" onClick={toJson}>
            {asJson ? "Use the form" : "Write JSON instead"}
          </button>
        ) : null}
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </form>
  );
}
