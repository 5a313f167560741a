import { useState } from "react";
import { useDo } from "../../api/hooks";
import { ErrorNotice } from "../../ui/notice";

/** Changes one's own password. */
export function Password() {
  const change = useDo("AuthService", "ChangePassword");
  const [oldPassword, setOld] = useState("");
  const [newPassword, setNew] = useState("");
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    change.mutate(
      { oldPassword, newPassword },
      {
        onSuccess: () => {
          setOld("");
          setNew("");
        },
      },
    );
  };
  return (
    <form onSubmit={submit} className="narrow">
      <div className="field">
        <label htmlFor="old">Present password</label>
        <input id="old" type="password" autoComplete="current-password" required value={oldPassword} onChange={(event) => setOld(event.target.value)} />
      </div>
      <div className="field">
        <label htmlFor="new">New password</label>
        <input id="new" type="password" autoComplete="new-password" required value={newPassword} onChange={(event) => setNew(event.target.value)} />
      </div>
      <ErrorNotice error={change.error} />
      <p role="status">{change.isSuccess ? "It is changed." : ""}</p>
      <button type="submit" className="primary" disabled={change.isPending}>
        Change the password
      </button>
    </form>
  );
}
