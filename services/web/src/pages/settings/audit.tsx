import { useDeferredValue, useState } from "react";
import type { AuditEvent } from "../../api/contract";
import { useCall } from "../../api/hooks";
import { dateTime } from "../../text/format";
import { Clip } from "../../ui/clip";
import { Json } from "../../ui/json";
import { Listing } from "../../ui/listing";
import { Empty } from "../../ui/notice";

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
      <Listing
        answer={events}
        title="audit log"
        columns={["When", "Who", "Did what", "From where"]}
        rows={found.map((event) => (
          <Row key={event.id} event={event} />
        ))}
        empty={<Empty title="Nothing is recorded that fits." />}
        page={page}
        onPage={setPage}
      />
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
