import { Link } from "wouter";
import { Page } from "../ui/page";

/** For addresses at which nothing stands. */
export function NotFound() {
  return (
    <Page title="Page not found">
      <p>Nothing stands at this address. It may be mistyped, or from another version of Orchestrator.</p>
      <p className="actions">
        <Link href="/executions" className="button">
          Go to the executions
        </Link>
      </p>
    </Page>
  );
}
