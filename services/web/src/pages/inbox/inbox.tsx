import { Link, useSearchParams } from "wouter";
import type { HumanTask } from "../../api/contract";
import { useCall } from "../../api/hooks";
import { Clip } from "../../ui/clip";
import { Empty, ErrorNotice, Loading } from "../../ui/notice";
import { Page, Pager } from "../../ui/page";
import { TaskStatusBadge } from "../../ui/status";
import { Ago } from "../../ui/time";
import { TaskPage } from "./task";

const VIEWS = [
  { id: "mine", title: "Mine", request: { openOnly: true, mine: true } },
  { id: "open", title: "All open", request: { openOnly: true } },
  { id: "all", title: "All", request: {} },
];

/** The tasks, and beside them the one that is chosen. */
export default function Inbox({ taskId }: { taskId: string }) {
  const [search, setSearch] = useSearchParams();
  const chosen = VIEWS.find((view) => view.id === search.get("view")) ?? VIEWS[0];
  const page = search.get("page") ?? "";
  const tasks = useCall("HumanTaskService", "ListHumanTasks", { ...chosen?.request, pageSize: 50, pageToken: page }, { keep: true, every: 10_000 });
  const found = tasks.data?.tasks ?? [];
  const query = chosen?.id === "mine" ? "" : `?view=${chosen?.id}`;
  const list = (
    <>
      <nav aria-label="Which tasks" className="views">
        {VIEWS.map((view) => (
          <Link key={view.id} href={`/inbox${taskId ? `/${encodeURIComponent(taskId)}` : ""}${view.id === "mine" ? "" : `?view=${view.id}`}`} aria-current={view === chosen ? "true" : undefined}>
            {view.title}
          </Link>
        ))}
      </nav>
      <ErrorNotice error={tasks.error} onRetry={() => void tasks.refetch()} />
      {tasks.isPending ? <Loading what="tasks" /> : null}
      {tasks.data && !found.length ? <Nothing view={chosen?.id ?? ""} /> : null}
      <ul className="tasks" aria-label="Tasks">
        {found.map((task) => (
          <TaskRow key={task.taskId} task={task} query={query} current={task.taskId === taskId} />
        ))}
      </ul>
      <Pager token={page} next={tasks.data?.nextPageToken} onChoose={(token) => setSearch({ view: chosen?.id ?? "", page: token })} />
    </>
  );
  if (!taskId) return <Page title="Inbox">{list}</Page>;
  const index = found.findIndex((task) => task.taskId === taskId);
  const next = [...found.slice(index + 1), ...found.slice(0, Math.max(index, 0))].find((task) => task.status === "TASK_OPEN" && task.taskId !== taskId);
  return (
    <div className="inbox">
      <section className="inbox-list" aria-label="Inbox">
        {list}
      </section>
      <div>
        <p className="back">
          <Link href={`/inbox${query}`}>Back to the inbox</Link>
        </p>
        <TaskPage key={taskId} taskId={taskId} next={next ? `/inbox/${encodeURIComponent(next.taskId ?? "")}${query}` : ""} />
      </div>
    </div>
  );
}

function Nothing({ view }: { view: string }) {
  if (view === "mine")
    return (
      <Empty title="Nothing waits for you.">
        <p>When a workflow asks you something, it appears here.</p>
      </Empty>
    );
  return <Empty title={view === "open" ? "No task is open." : "No workflow has asked anybody yet."} />;
}

function TaskRow({ task, query, current }: { task: HumanTask; query: string; current: boolean }) {
  return (
    <li>
      <Link href={`/inbox/${encodeURIComponent(task.taskId ?? "")}${query}`} aria-current={current ? "page" : undefined}>
        <span className="task-title">
          <Clip text={task.title || task.node || "Task"} length={80} />
        </span>
        <span className="task-meta">
          <TaskStatusBadge status={task.status} />
          <span>
            <Clip text={task.workflowName ?? ""} length={40} />
          </span>
          {task.deadline && task.status === "TASK_OPEN" ? (
            <span>
              due <Ago time={task.deadline} />
            </span>
          ) : (
            <Ago time={task.createdAt} />
          )}
        </span>
      </Link>
    </li>
  );
}
