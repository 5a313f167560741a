import { useState } from "react";
import type { CredentialType } from "../../api/contract";
import { useCall, useDo } from "../../api/hooks";
import { fieldProblems, filledJson, initialValues } from "../../text/fields";
import { schemaFields } from "../../text/schema_fields";
import { Dialog } from "../../ui/dialog";
import { Fields } from "../../ui/fields";
import { ErrorNotice, Loading } from "../../ui/notice";

/** Stores a credential, by a form that its type describes. */
export function CreateDialog({ onClose }: { onClose(): void }) {
  const types = useCall("IntegrationService", "ListCredentialTypes", {});
  const [chosen, setChosen] = useState("");
  const found = [...(types.data?.types ?? [])].toSorted((a, b) => (a.title ?? "").localeCompare(b.title ?? ""));
  const type = found.find((one) => one.name === chosen);
  return (
    <Dialog title="Add a credential" onClose={onClose}>
      <ErrorNotice error={types.error} onRetry={() => void types.refetch()} />
      {types.isPending ? <Loading what="the types" /> : null}
      {types.data ? (
        <div className="field">
          <label htmlFor="type">Type</label>
          <select id="type" value={chosen} onChange={(event) => setChosen(event.target.value)}>
            <option value="">Choose…</option>
            {found.map((one) => (
              <option key={one.name} value={one.name}>
                {one.title || one.name}
              </option>
            ))}
          </select>
        </div>
      ) : null}
      {type ? <CreateForm key={type.name} type={type} onClose={onClose} /> : null}
    </Dialog>
  );
}

function CreateForm({ type, onClose }: { type: CredentialType; onClose(): void }) {
  const create = useDo("IntegrationService", "CreateIntegration");
  const fields = schemaFields(type.fieldsSchemaJson ?? "");
  const [name, setName] = useState(type.title ?? "");
  const [hosts, setHosts] = useState((type.hosts ?? []).join(", "));
  const [values, setValues] = useState(() => initialValues(fields));
  const [problems, setProblems] = useState<Record<string, string>>({});
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    const wrong = fieldProblems(fields, values);
    setProblems(wrong);
    if (Object.keys(wrong).length) return;
    create.mutate(
      {
        name,
        type: type.name ?? "",
        fields: JSON.parse(filledJson(fields, values)),
        hosts: hosts.split(/[,\s]+/).filter(Boolean),
      },
      { onSuccess: onClose },
    );
  };
  return (
    <form onSubmit={submit} noValidate autoComplete="off">
      <div className="field">
        <label htmlFor="name">Name</label>
        <input id="name" value={name} onChange={(event) => setName(event.target.value)} />
      </div>
      <Fields fields={fields} values={values} problems={problems} onChange={setValues} />
      <div className="field">
        <label htmlFor="hosts">
          Sent only to these hosts<span className="optional"> (optional)</span>
        </label>
        <input id="hosts" value={hosts} aria-describedby="hosts-help" onChange={(event) => setHosts(event.target.value)} />
        <span id="hosts-help" className="help">
          Names, or *. and a domain, separated by commas. Empty for those of the type or of its fields.
        </span>
      </div>
      {type.oauth2 ? <p className="quiet">Afterwards choose Connect: the service asks you for your consent.</p> : null}
      <ErrorNotice error={create.error} />
      <div className="actions">
        <button type="submit" className="primary" disabled={create.isPending}>
          {create.isPending ? "Sealing…" : "Store it sealed"}
        </button>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </form>
  );
}
