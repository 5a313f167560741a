import { SessionContext, useSessionQuery } from "../api/session";
import { ErrorNotice, Loading } from "../ui/notice";
import { Shell } from "./shell";
import { SignIn } from "./sign_in";

/** The application: pages for those who are signed in, and the way in for the others. */
export function App() {
  const session = useSessionQuery();
  if (session.data)
    return (
      <SessionContext value={session.data}>
        <Shell />
      </SessionContext>
    );
  if (session.data === null) return <SignIn />;
  return (
    <main className="start">
      <h1 className="sr-only">Orchestrator</h1>
      {session.error ? <ErrorNotice error={session.error} onRetry={() => void session.refetch()} /> : <Loading what="Orchestrator" />}
    </main>
  );
}
