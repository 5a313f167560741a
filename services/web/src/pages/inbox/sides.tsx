import { useState } from "react";
import type { HumanTask } from "../../api/contract";
import { useDo } from "../../api/hooks";
import { useMay } from "../../api/session";
import { dateTime, words } from "../../text/format";
import { LongText } from "../../ui/clip";
import { Dialog } from "../../ui/dialog";
import { ErrorNotice } from "../../ui/notice";

/** What has happened to a task, remarks, and the way to hand it on. */
export function TaskSides({ task }: { task: HumanTask }) {
  const may = useMay();
  const [reassigning, setReassigning] = useState(false);
  return (
    <section className="sides" aria-labelledby="events">
      <h2 id="events">What happened</h2>
      <ol className="events">
        {task.events?.map((event, index) => (
          // oxlint-disable-next-line react/no-array-index-key -- events are only ever added at the end
          <li key={`${index}`}>
            <time dateTime={event.at}>{dateTime(event.at ?? "")}</time>
            <span>
              <strong>{words(event.kind ?? "")}</strong>
              {event.by ? <> by <bdi>{event.by}</bdi></> : null}
              {event.channel ? ` (${words(event.channel)})` : ""}
              {event.text ? <LongText text={event.text} length={400} /> : null}
            </span>
          </li>
        ))}
      </ol>
      {may("HumanTaskService", "CommentHumanTask") ? <Remark taskId={task.taskId ?? ""} /> : null}
      {task.status === "TASK_OPEN" && may("HumanTaskService", "ReassignHumanTask") ? (
        <button type="button" onClick={() => setReassigning(true)}>
          Reassign
        </button>
      ) : null}
      {reassigning ? <ReassignDialog task={task} onClose={() => setReassigning(false)} /> : null}
    </section>
  );
}

function Remark({ taskId }: { taskId: string }) {
  const remark = useDo("HumanTaskService", "CommentHumanTask");
  const [text, setText] = useState("");
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    if (text.trim()) remark.mutate({ taskId, comment: text }, { onSuccess: () => setText("") });
  };
  return (
    <form onSubmit={submit} className="remark">
      <label htmlFor="remark">Remark for all who see this task</label>
      <div>
        <input id="remark" dir="auto" value={text} onChange={(event) => setText(event.target.value)} />
        <button type="submit" disabled={!text.trim() || remark.isPending}>
          Add
        </button>
      </div>
      <ErrorNotice error={remark.error} />
    </form>
  );
}

function ReassignDialog({ task, onClose }: { task: HumanTask; onClose(): void }) {
  const reassign = useDo("HumanTaskService", "ReassignHumanTask");
  const [people, setPeople] = useState((task.assignees ?? []).join(", "));
  const [reason, setReason] = useState("");
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    const assignees = people.split(/[,;\n]/).map((one) => one.trim()).filter(Boolean);
    reassign.mutate({ taskId: task.taskId ?? "", assignees, reason }, { onSuccess: onClose });
  };
  return (
    <Dialog title="Reassign" onClose={onClose}>
      <form onSubmit={submit}>
        <div className="field">
          <label htmlFor="people">Who may answer instead, separated by commas; nobody for anybody</label>
          <input id="people" value={people} onChange={(event) => setPeople(event.target.value)} />
        </div>
        <div className="field">
          <label htmlFor="why">
            Reason<span className="optional"> (optional)</span>
          </label>
          <input id="why" dir="auto" value={reason} onChange={(event) => setReason(event.target.value)} />
        </div>
        <ErrorNotice error={reassign.error} />
        <div className="actions">
          <button type="submit" className="primary" disabled={reassign.isPending}>
            Reassign
          </button>
          <button type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </form>
    </Dialog>
  );
}
