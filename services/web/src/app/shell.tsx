import { Link, useLocation } from "wouter";
import { useCall } from "../api/hooks";
import { switchWorkspace, useMay, useSession, useSignOut } from "../api/session";
import { words } from "../text/format";
import { Logo } from "../ui/icons";
import { ErrorNotice } from "../ui/notice";
import { Pages } from "./router";

const TASKS_EVERY = 15_000;
const MOST_COUNTED = 100;

/** What surrounds every page: navigation, who is signed in, where. */
export function Shell() {
  return (
    <div className="shell">
      <a href="#main" className="skip">
        Skip to the content
      </a>
      <header className="bar">
        <Link href="/executions" className="brand">
          <Logo />
          <span>Orchestrator</span>
        </Link>
        <Navigation />
        <Account />
      </header>
      <main id="main" tabIndex={-1}>
        <Pages />
      </main>
    </div>
  );
}

function Navigation() {
  const [location] = useLocation();
  const open = useOpenTasks();
  const links = [
    { href: "/executions", title: "Executions" },
    { href: "/workflows", title: "Workflows" },
    { href: "/inbox", title: "Inbox" },
    { href: "/credentials", title: "Credentials" },
    { href: "/settings", title: "Settings" },
  ];
  const current = location === "/" ? "/executions" : location;
  return (
    <nav aria-label="Main">
      <ul>
        {links.map(({ href, title }) => (
          <li key={href}>
            <Link href={href} aria-current={current === href || current.startsWith(`${href}/`) ? "page" : undefined}>
              {title}
              {href === "/inbox" && open ? (
                <span className="count">
                  {open}
                  <span className="sr-only"> open tasks</span>
                </span>
              ) : null}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** How many tasks wait for the caller, as it is shown; empty for none. */
function useOpenTasks(): string {
  const may = useMay();
  const tasks = useCall(
    "HumanTaskService",
    "ListHumanTasks",
    { openOnly: true, mine: true, pageSize: MOST_COUNTED },
    { every: TASKS_EVERY, enabled: may("HumanTaskService", "ListHumanTasks") },
  );
  const open = tasks.data?.tasks?.length ?? 0;
  if (!open) return "";
  return tasks.data?.nextPageToken ? `${open}+` : String(open);
}

function Account() {
  const session = useSession();
  const signOut = useSignOut();
  const workspaces = session.workspaces ?? [];
  const name = session.user?.name || session.user?.email || "";
  return (
    <div className="account">
      {workspaces.length > 1 ? (
        <label>
          <span className="sr-only">Workspace</span>
          <select value={session.workspace?.id ?? ""} onChange={(event) => switchWorkspace(event.target.value)}>
            {workspaces.map((workspace) => (
              <option key={workspace.id} value={workspace.id}>
                {workspace.name || workspace.id}
              </option>
            ))}
          </select>
        </label>
      ) : null}
      {session.local ? (
        <span className="quiet" title="This server runs on your own machine and asks nobody to sign in.">
          Local server
        </span>
      ) : (
        <>
          <span className="who" title={session.workspace?.role ? `${words(session.workspace.role)} of ${session.workspace.name ?? ""}` : ""}>
            <bdi>{name}</bdi>
          </span>
          <button type="button" className="small" disabled={signOut.isPending} onClick={() => signOut.mutate()}>
            Sign out
          </button>
        </>
      )}
      <ErrorNotice error={signOut.error} />
    </div>
  );
}
