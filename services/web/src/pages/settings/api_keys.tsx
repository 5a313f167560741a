import { useState } from "react";
import type { ApiKey, Role } from "../../api/contract";
import { useCall, useDo } from "../../api/hooks";
import { useMay } from "../../api/session";
import { dateTime, words } from "../../text/format";
import { Confirm } from "../../ui/confirm";
import { Dialog } from "../../ui/dialog";
import { CopyButton } from "../../ui/json";
import { Listing } from "../../ui/listing";
import { Empty, ErrorNotice } from "../../ui/notice";
import { Ago } from "../../ui/time";
import { RoleChoice } from "./roles";

const DAY = 86_400_000;

/** Keys for programs. */
export function ApiKeys() {
  const may = useMay();
  const [page, setPage] = useState("");
  const [creating, setCreating] = useState(false);
  const keys = useCall("AuthService", "ListApiKeys", { pageSize: 100, pageToken: page }, { keep: true });
  const found = keys.data?.apiKeys ?? [];
  return (
    <>
      {may("AuthService", "CreateApiKey") ? (
        <p className="actions">
          <button type="button" className="primary" onClick={() => setCreating(true)}>
            Make a key
          </button>
        </p>
      ) : null}
      <Listing
        answer={keys}
        title="API keys"
        columns={["Name", "Role", "Expires", "Last used", ""]}
        rows={found.map((key) => (
          <Row key={key.id} apiKey={key} />
        ))}
        empty={
          <Empty title="There are no API keys.">
            <p>
              A program that calls the API sends one as <code>authorization: Bearer …</code>.
            </p>
          </Empty>
        }
        page={page}
        onPage={setPage}
      />
      {creating ? <CreateDialog onClose={() => setCreating(false)} /> : null}
    </>
  );
}

function Row({ apiKey }: { apiKey: ApiKey }) {
  const may = useMay();
  const revoke = useDo("AuthService", "RevokeApiKey");
  const [revoking, setRevoking] = useState(false);
  const confirm = () => revoke.mutate({ apiKeyId: apiKey.id ?? "" }, { onSuccess: () => setRevoking(false) });
  return (
    <tr>
      <th scope="row">
        <bdi>{apiKey.name}</bdi>
        <span className="row-note">
          <code>{apiKey.prefix}…</code>
        </span>
      </th>
      <td>{words(apiKey.role ?? "")}</td>
      <td>{apiKey.expiresAt ? dateTime(apiKey.expiresAt) : "Never"}</td>
      <td className="quiet">
        <Ago time={apiKey.lastUsedAt} />
      </td>
      <td className="actions">
        {may("AuthService", "RevokeApiKey") ? (
          <button type="button" className="small" onClick={() => setRevoking(true)} aria-label={`Revoke ${apiKey.name}`}>
            Revoke
          </button>
        ) : null}
        {revoking ? (
          <Confirm title={`Revoke “${apiKey.name}”?`} action="Revoke it" pending={revoke.isPending} error={revoke.error} onConfirm={confirm} onClose={() => setRevoking(false)}>
            <p>Programs that use it are refused from now on.</p>
          </Confirm>
        ) : null}
      </td>
    </tr>
  );
}

function CreateDialog({ onClose }: { onClose(): void }) {
  const create = useDo("AuthService", "CreateApiKey");
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("OPERATOR");
  const [days, setDays] = useState("90");
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    const expiresAt = days ? new Date(Date.now() + Number(days) * DAY).toISOString() : "";
    create.mutate({ name, role, ...(expiresAt ? { expiresAt } : {}) });
  };
  if (create.data?.secret)
    return (
      <Dialog title="The key" onClose={onClose}>
        <p role="status">Copy it now: it is shown this once.</p>
        <p className="url">
          <code>{create.data.secret}</code> <CopyButton text={create.data.secret} />
        </p>
        <div className="actions">
          <button type="button" className="primary" onClick={onClose}>
            I have copied it
          </button>
        </div>
      </Dialog>
    );
  return (
    <Dialog title="Make an API key" onClose={onClose}>
      <form onSubmit={submit}>
        <div className="field">
          <label htmlFor="key-name">What it is for</label>
          <input id="key-name" required value={name} onChange={(event) => setName(event.target.value)} />
        </div>
        <RoleChoice label="What it may do" value={role} onChoose={setRole} />
        <div className="field">
          <label htmlFor="expires">Expires</label>
          <select id="expires" value={days} onChange={(event) => setDays(event.target.value)}>
            <option value="30">In 30 days</option>
            <option value="90">In 90 days</option>
            <option value="365">In a year</option>
            <option value="">Never</option>
          </select>
        </div>
        <ErrorNotice error={create.error} />
        <div className="actions">
          <button type="submit" className="primary" disabled={create.isPending}>
            Make it
          </button>
          <button type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </form>
    </Dialog>
  );
}
