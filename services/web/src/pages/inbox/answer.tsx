import { useState } from "react";
import type { HumanTask } from "../../api/contract";
import { useDo } from "../../api/hooks";
import { jsonProblem, pretty } from "../../text/exact_json";
import { fieldProblems, filledJson, initialValues, taskFields } from "../../text/fields";
import { words } from "../../text/format";
import { Fields } from "../../ui/fields";
import { ErrorNotice } from "../../ui/notice";

const REFUSALS = /^(reject|refuse|deny|decline|no|abort|cancel)/i;

/** The fields, a comment, and a button for each decision there is. */
export function AnswerForm({ task }: { task: HumanTask }) {
  const answer = useDo("HumanTaskService", "AnswerHumanTask");
  const fields = taskFields(task.fields ?? []);
  const [values, setValues] = useState(() => initialValues(fields));
  const [problems, setProblems] = useState<Record<string, string>>({});
  const [comment, setComment] = useState("");
  const args = useArguments(task);
  const options = task.options?.length ? task.options : ["approve", "reject"];
  const decide = (decision: string) => {
    // Who refuses needn't fill in what would only be used otherwise.
    const wrong = REFUSALS.test(decision) ? {} : fieldProblems(fields, values);
    setProblems(wrong);
    if (Object.keys(wrong).length || (args.edits && args.check())) return;
    const fieldsJson = args.edits ? args.text : fields.length ? filledJson(fields, values) : "";
    answer.mutate({ taskId: task.taskId ?? "", decision, comment, fieldsJson });
  };
  return (
    <section className="card answer" aria-labelledby="answer">
      <h2 id="answer">Your answer</h2>
      {fields.length ? <Fields fields={fields} values={values} problems={problems} onChange={setValues} /> : null}
      {args.field}
      <div className="field">
        <label htmlFor="comment">
          Comment<span className="optional"> (optional)</span>
        </label>
        <textarea id="comment" rows={2} dir="auto" value={comment} onChange={(event) => setComment(event.target.value)} />
      </div>
      <ErrorNotice error={answer.error} />
      <div className="actions">
        {options.map((option, index) => (
          <button key={option} type="button" className={REFUSALS.test(option) ? "danger" : index === 0 ? "primary" : ""} disabled={answer.isPending} onClick={() => decide(option)}>
            <bdi>{words(option)}</bdi>
          </button>
        ))}
        {answer.isPending ? <span role="status">Sending…</span> : null}
      </div>
    </section>
  );
}

/** An agent's call may be allowed with other arguments than it chose. */
function useArguments(task: HumanTask) {
  const given = task.channel === "TOOL" ? argumentsOf(task) : null;
  const [text, setText] = useState(given ?? "");
  const [problem, setProblem] = useState("");
  const check = () => {
    const found = jsonProblem(text, "object");
    setProblem(found);
    return found;
  };
  const field =
    given === null ? null : (
      <div className="field">
        <label htmlFor="arguments">Arguments to call it with</label>
        <textarea id="arguments" className="code" rows={6} spellCheck={false} aria-invalid={Boolean(problem)} {...(problem ? { "aria-describedby": "arguments-problem" } : {})} value={text} onChange={(event) => setText(event.target.value)} />
        {problem ? <span id="arguments-problem" className="field-problem" role="alert">{problem}</span> : null}
      </div>
    );
  return { field, text, check, edits: given !== null && text !== given };
}

function argumentsOf(task: HumanTask): string | null {
  try {
    const subject = JSON.parse(task.subjectJson ?? "") as { arguments?: unknown };
    return subject.arguments === undefined ? null : pretty(JSON.stringify(subject.arguments));
  } catch {
    return null;
  }
}
