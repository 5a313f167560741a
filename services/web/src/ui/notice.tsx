import type { Problem } from "../api/contract";
import { advice, ApiError } from "../api/errors";

/** What went wrong and what to do; nothing where nothing did. */
export function ErrorNotice({ error, onRetry }: { error: Error | null | undefined; onRetry?: () => void }) {
  if (!error) return null;
  const what = advice(error);
  const problems = error instanceof ApiError ? error.problems : [];
  return (
    <div className="notice tone-bad" role="alert">
      <p>
        <strong dir="auto">{error.message}</strong>
      </p>
      {what ? <p>{what}</p> : null}
      {problems.length ? <ProblemList problems={problems} /> : null}
      {onRetry ? (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      ) : null}
    </div>
  );
}

const MOST = 50;

/** Everything that is wrong with a definition or a request. */
export function ProblemList({ problems }: { problems: readonly Problem[] }) {
  return (
    <ul className="problems">
      {problems.slice(0, MOST).map((problem, index) => (
        // oxlint-disable-next-line react/no-array-index-key -- the list is never reordered
        <li key={`${index}`} className={problem.severity === "WARNING" ? "tone-wait" : "tone-bad"}>
          <span className="problem-kind">{problem.severity === "WARNING" ? "Warning" : "Error"}</span>
          {problem.node ? <bdi className="problem-node">{problem.node}</bdi> : null}
          <span dir="auto">{problem.message}</span>
          {problem.field ? <code>{problem.field}</code> : null}
        </li>
      ))}
      {problems.length > MOST ? <li>and {problems.length - MOST} more</li> : null}
    </ul>
  );
}

/** Where nothing is yet: what would be here, and the next step. */
export function Empty({ title, children }: { title: string; children?: React.ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** While an answer is under way. */
export function Loading({ what }: { what: string }) {
  return (
    <p className="loading" role="status">
      Loading {what}…
    </p>
  );
}
