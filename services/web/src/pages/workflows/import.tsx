import { useState } from "react";
import { useLocation } from "wouter";
import type { Problem, Workflow } from "../../api/contract";
import { useDo } from "../../api/hooks";
import { readDefinition } from "../../text/definition";
import { count } from "../../text/format";
import { Dialog } from "../../ui/dialog";
import { ErrorNotice, ProblemList } from "../../ui/notice";

const LARGEST = 16 * 1024 * 1024;

/** Takes a workflow's JSON, has it validated, and only then stores it; nothing runs. */
export function ImportDialog({ onClose }: { onClose(): void }) {
  const [workflow, setWorkflow] = useState<Workflow | null>(null);
  const [problem, setProblem] = useState("");
  const [problems, setProblems] = useState<Problem[] | null>(null);
  const validate = useDo("WorkflowService", "ValidateWorkflow");
  const create = useDo("WorkflowService", "CreateWorkflow");
  const [, navigate] = useLocation();
  const read = (text: string) => {
    setProblems(null);
    create.reset();
    const definition = readDefinition(text);
    setWorkflow(definition.workflow);
    setProblem(definition.problem);
    if (definition.workflow) validate.mutate({ workflow: definition.workflow }, { onSuccess: (answer) => setProblems(answer.problems ?? []) });
  };
  const choose = async (file: File | undefined) => {
    if (!file) return;
    if (file.size > LARGEST) return setProblem("The file is larger than 16 MiB; no workflow is.");
    read(await file.text());
  };
  const store = () => {
    if (!workflow) return;
    const { name = "", description = "", nodes = [], connections = {}, settings = {}, tags = [] } = workflow;
    create.mutate(
      { name, description, nodes, connections, settings, tags },
      { onSuccess: (answer) => navigate(`/workflows/${encodeURIComponent(answer.workflow?.id ?? "")}`) },
    );
  };
  const errors = problems?.filter((one) => one.severity !== "WARNING").length ?? 0;
  return (
    <Dialog title="Import a workflow" onClose={onClose}>
      <p>Choose a file with a workflow’s JSON. It is checked first; nothing is stored before you say so, and nothing runs.</p>
      <div className="field">
        <label htmlFor="file">File</label>
        <input id="file" type="file" accept=".json,application/json" onClick={(event) => (event.currentTarget.value = "")} onChange={(event) => void choose(event.target.files?.[0])} />
      </div>
      {problem ? <p className="field-problem" role="alert">{problem}</p> : null}
      <ErrorNotice error={validate.error} />
      <div role="status">
        {validate.isPending ? <p>Checking…</p> : null}
        {workflow && problems ? (
          <p>
            <strong>
              <bdi>{workflow.name || "A workflow without a name"}</bdi>
            </strong>
            , {count(workflow.nodes?.length ?? 0, "node")}: {problems.length ? count(problems.length, "problem") : "no problems found"}.
          </p>
        ) : null}
      </div>
      {problems?.length ? <ProblemList problems={problems} /> : null}
      {errors ? <p>It can be stored as a draft. It can’t run until its errors are mended.</p> : null}
      <ErrorNotice error={create.error} />
      <div className="actions">
        <button type="button" className="primary" disabled={!workflow || !problems || create.isPending} onClick={store}>
          {create.isPending ? "Storing…" : errors ? "Store as a draft" : "Store"}
        </button>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
