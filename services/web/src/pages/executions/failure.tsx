import type { Execution } from "../../api/contract";
import { LongText } from "../../ui/clip";

/** Why a run failed, and what to do. */
export function Failure({ execution, onChoose }: { execution: Execution; onChoose(node: string): void }) {
  const { error } = execution;
  if (!error?.message) return null;
  return (
    <section className="notice tone-bad" aria-label="Why it failed">
      <div>
        {error.node ? (
          <button type="button" className="link strong" onClick={() => onChoose(error.node ?? "")}>
            {error.node}
          </button>
        ) : null}{" "}
        <code>{error.code}</code>
      </div>
      <LongText text={error.message} />
      {error.hint ? <p className="advice">What to do: {error.hint}</p> : null}
    </section>
  );
}
