import { useEffect, useRef } from "react";
import { Link } from "wouter";
import type { HumanTask } from "../../api/contract";
import { useCall } from "../../api/hooks";
import { useMay } from "../../api/session";
import { dateTime, words } from "../../text/format";
import { Clip, LongText } from "../../ui/clip";
import { Json } from "../../ui/json";
import { ErrorNotice, Loading } from "../../ui/notice";
import { Page } from "../../ui/page";
import { TaskStatusBadge } from "../../ui/status";
import { Ago } from "../../ui/time";
import { AnswerForm } from "./answer";
import { TaskSides } from "./sides";

/** One task: what is asked, the answer, and what has happened to it. */
export function TaskPage({ taskId, next }: { taskId: string; next: string }) {
  const stored = useCall("HumanTaskService", "GetHumanTask", { taskId }, { every: 10_000 });
  const task = stored.data?.task;
  if (!task)
    return (
      <Page title="Task">{stored.error ? <ErrorNotice error={stored.error} onRetry={() => void stored.refetch()} /> : <Loading what="the task" />}</Page>
    );
  return <Loaded task={task} next={next} />;
}

function Loaded({ task, next }: { task: HumanTask; next: string }) {
  const may = useMay();
  const title = task.title || task.node || "Task";
  const open = task.status === "TASK_OPEN";
  return (
    <Page
      title={title}
      heading={
        <>
          <Clip text={title} length={120} /> <TaskStatusBadge status={task.status} />
        </>
      }
    >
      <p className="quiet">
        <Link href={`/executions/${encodeURIComponent(task.executionId ?? "")}`}>
          <Clip text={task.workflowName || "The run"} length={60} />
        </Link>{" "}
        asks at “<Clip text={task.node ?? ""} length={60} />”, <Ago time={task.createdAt} />
        {task.deadline && open ? (
          <>
            {" "}
            · answer by {dateTime(task.deadline)} (<Ago time={task.deadline} />)
          </>
        ) : null}
        {" · "}
        {task.assignees?.length ? `for ${task.assignees.join(", ")}` : "for anybody"}
      </p>
      {task.message ? <LongText text={task.message} length={3000} /> : null}
      {task.subjectJson && task.subjectJson !== "{}" ? (
        <section aria-labelledby="subject">
          <h2 id="subject">What it is about</h2>
          <Json text={task.subjectJson} label="What it is about" />
        </section>
      ) : null}
      {open && may("HumanTaskService", "AnswerHumanTask") ? <AnswerForm task={task} /> : null}
      {open && !may("HumanTaskService", "AnswerHumanTask") ? <p className="notice">Your role may not answer tasks. Ask an owner to make you an approver.</p> : null}
      {open ? null : <Answered task={task} next={next} />}
      <TaskSides task={task} />
    </Page>
  );
}

function Answered({ task, next }: { task: HumanTask; next: string }) {
  const box = useRef<HTMLDivElement>(null);
  // Whoever has just answered stood on a button that is gone now.
  useEffect(() => {
    if (document.activeElement === document.body) box.current?.focus();
  }, []);
  return (
    <div className="notice tone-good" role="status" tabIndex={-1} ref={box}>
      {task.status === "TASK_ANSWERED" ? (
        <p>
          <strong>
            Answered: <bdi>{task.decision}</bdi>
          </strong>
          {task.answeredBy ? <> by <bdi>{task.answeredBy}</bdi></> : null}
          {task.answeredVia ? ` (${words(task.answeredVia)})` : ""}, <Ago time={task.answeredAt} />
        </p>
      ) : (
        <p>
          <strong>{task.status === "TASK_EXPIRED" ? "Nobody answered in time." : "The run ended without an answer."}</strong>
        </p>
      )}
      {task.comment ? <LongText text={task.comment} length={800} /> : null}
      {task.fieldsJson && task.fieldsJson !== "{}" ? <Json text={task.fieldsJson} label="What was filled in" /> : null}
      <p className="actions">
        {next ? (
          <Link href={next} className="button primary">
            Next task
          </Link>
        ) : null}
        <Link href={`/executions/${encodeURIComponent(task.executionId ?? "")}`} className="button">
          See the run go on
        </Link>
      </p>
    </div>
  );
}
