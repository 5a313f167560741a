import { useState } from "react";
import type { Member, Role } from "../../api/contract";
import { useCall, useDo } from "../../api/hooks";
import { useMay, useSession } from "../../api/session";
import { words } from "../../text/format";
import { Confirm } from "../../ui/confirm";
import { Dialog } from "../../ui/dialog";
import { Listing } from "../../ui/listing";
import { Empty, ErrorNotice } from "../../ui/notice";
import { Ago } from "../../ui/time";
import { RoleChoice } from "./roles";

/** Who belongs to the workspace, and as what. */
export function Members() {
  const may = useMay();
  const [page, setPage] = useState("");
  const [adding, setAdding] = useState(false);
  const members = useCall("AuthService", "ListMembers", { pageSize: 100, pageToken: page }, { keep: true });
  const found = members.data?.members ?? [];
  return (
    <>
      {may("AuthService", "AddMember") ? (
        <p className="actions">
          <button type="button" className="primary" onClick={() => setAdding(true)}>
            Add a member
          </button>
        </p>
      ) : null}
      <Listing
        answer={members}
        title="members"
        columns={["Name", "Role", "Since", ""]}
        rows={found.map((member) => (
          <Row key={member.user?.id} member={member} />
        ))}
        empty={<Empty title="Nobody has been added yet." />}
        page={page}
        onPage={setPage}
      />
      {adding ? <AddDialog onClose={() => setAdding(false)} /> : null}
    </>
  );
}

function Row({ member }: { member: Member }) {
  const may = useMay();
  const { user: me } = useSession();
  const update = useDo("AuthService", "UpdateMember");
  const [removing, setRemoving] = useState(false);
  const name = member.user?.name || member.user?.email || member.user?.id || "";
  return (
    <tr>
      <th scope="row">
        <bdi>{name}</bdi>
        <span className="row-note quiet">
          <bdi>{member.user?.email}</bdi>
        </span>
        <ErrorNotice error={update.error} />
      </th>
      <td>
        {may("AuthService", "UpdateMember") ? (
          <RoleChoice label={`Role of ${name}`} hidden value={member.role ?? "VIEWER"} onChoose={(role) => update.mutate({ userId: member.user?.id ?? "", role })} />
        ) : (
          words(member.role ?? "")
        )}
      </td>
      <td className="quiet">
        <Ago time={member.joinedAt} />
      </td>
      <td className="actions">
        {may("AuthService", "RemoveMember") && member.user?.id !== me?.id ? (
          <button type="button" className="small" onClick={() => setRemoving(true)} aria-label={`Remove ${name}`}>
            Remove
          </button>
        ) : null}
        {removing ? <RemoveDialog member={member} name={name} onClose={() => setRemoving(false)} /> : null}
      </td>
    </tr>
  );
}

function RemoveDialog({ member, name, onClose }: { member: Member; name: string; onClose(): void }) {
  const remove = useDo("AuthService", "RemoveMember");
  const confirm = () => remove.mutate({ userId: member.user?.id ?? "" }, { onSuccess: onClose });
  return (
    <Confirm title={`Remove ${name}?`} action="Remove" pending={remove.isPending} error={remove.error} onConfirm={confirm} onClose={onClose}>
      <p>Their sessions and API keys for this workspace end at once. What they made stays.</p>
    </Confirm>
  );
}

function AddDialog({ onClose }: { onClose(): void }) {
  const add = useDo("AuthService", "AddMember");
  const [form, setForm] = useState({ email: "", name: "", password: "" });
  const [role, setRole] = useState<Role>("OPERATOR");
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    add.mutate({ ...form, role }, { onSuccess: onClose });
  };
  const change = (name: keyof typeof form) => (event: React.ChangeEvent<HTMLInputElement>) => setForm({ ...form, [name]: event.target.value });
  return (
    <Dialog title="Add a member" onClose={onClose}>
      <form onSubmit={submit}>
        <div className="field">
          <label htmlFor="member-email">E-mail address</label>
          <input id="member-email" type="email" required value={form.email} onChange={change("email")} />
        </div>
        <div className="field">
          <label htmlFor="member-name">
            Name<span className="optional"> (optional)</span>
          </label>
          <input id="member-name" value={form.name} onChange={change("name")} />
        </div>
        <RoleChoice label="Role" value={role} onChoose={setRole} />
        <div className="field">
          <label htmlFor="member-password">Their first password</label>
          <input id="member-password" type="password" autoComplete="new-password" aria-describedby="password-help" value={form.password} onChange={change("password")} />
          <span id="password-help" className="help">
            Only for somebody who is new to this server. They should change it.
          </span>
        </div>
        <ErrorNotice error={add.error} />
        <div className="actions">
          <button type="submit" className="primary" disabled={add.isPending}>
            Add
          </button>
          <button type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </form>
    </Dialog>
  );
}
