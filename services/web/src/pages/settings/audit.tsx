import { useDeferredValue, useState } from "react";
import type { AuditEvent } from "../../api/contract";
import { useCall } from "../../api/hooks";
import { dateTime } from "../../text/format";
import { Clip } from "../../ui/clip";
import { Json } from "../../ui/json";
import { Empty, ErrorNotice, Loading } from "../../ui/notice";
import { Pager } from "../../ui/page";

/** Who did what, the latest first. */
export function AuditLog() {
  const [filter, setFilter] = useState({ actor: "", action: "", objectId: "" });
  const [page, setPage] = useState("");
  const wanted = useDeferredValue(filter);
  const events = useCall("AuthService", "ListAuditEvents", { ...wanted, pageSize: 50, pageToken: page }, { keep: true });
  const found = events.data?.events ?? [];
  const field = (name: keyof typeof filter, label: string) => (
    <label>
      {label}
      <input
        value={filter[name]}
        onChange={(event) => {
          setFilter({ ...filter, [name]: event.target.value });
          setPage("");
        }}
      />
    </label>
  );
  return (
    <>
      <form className="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        {field("actor", "Who")}
        {field("action", "Action")}
        {field("objectId", "Object’s id")}
      </form>
      <ErrorNotice error={events.error} onRetry={() => void events.refetch()} />
      {events.isPending ? <Loading what="the audit log" /> : null}
      {events.data && !found.length ? <Empty title="Nothing is recorded that fits." /> : null}
      {found.length ? (
        <div className="table-scroll">
          <table className="cards">
            <caption className="sr-only">Audit log</caption>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Who</th>
                <th scope="col">Did what</th>
                <th scope="col">From where</th>
              </tr>
            </thead>
            <tbody>
              {found.map((event) => (
                <Row key={event.id} event={event} />
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
      <Pager token={page} next={events.data?.nextPageToken} onChoose={setPage} />
    </>
  );
}

function Row({ event }: { event: AuditEvent }) {
  return (
    <tr>
      <td>
        <time dateTime={event.at}>{dateTime(event.at ?? "")}</time>
      </td>
      <td>
        <Clip text={event.actor ?? ""} length={40} />
      </td>
      <td>
        <strong>{event.action}</strong>{" "}
        <span className="quiet">
          {event.objectType} <Clip text={event.objectId ?? ""} length={40} />
        </span>
        {event.beforeJson || event.afterJson ? (
          <details className="section">
            <summary>What changed</summary>
            {event.beforeJson ? (
              <>
                <p>Before</p>
                <Json text={event.beforeJson} label="Before" />
              </>
            ) : null}
            {event.afterJson ? (
              <>
                <p>After</p>
                <Json text={event.afterJson} label="After" />
              </>
            ) : null}
          </details>
        ) : null}
      </td>
      <td className="quiet">{[event.address, event.via].filter(Boolean).join(", ")}</td>
    </tr>
  );
}
