import { useState } from "react";
import type { Integration } from "../../api/contract";
import { useCall, useDo } from "../../api/hooks";
import { useMay } from "../../api/session";
import { Clip } from "../../ui/clip";
import { Confirm } from "../../ui/confirm";
import { Listing } from "../../ui/listing";
import { Empty, ErrorNotice } from "../../ui/notice";
import { Page } from "../../ui/page";
import { Badge } from "../../ui/status";
import type { Look } from "../../ui/status";
import { Ago } from "../../ui/time";
import { CreateDialog } from "./create";

/** Stored connections to third parties; their secrets never come back here. */
export default function Credentials() {
  const may = useMay();
  const [page, setPage] = useState("");
  const [creating, setCreating] = useState(false);
  const integrations = useCall("IntegrationService", "ListIntegrations", { pageSize: 50, pageToken: page }, { keep: true });
  const found = integrations.data?.integrations ?? [];
  const add = may("IntegrationService", "CreateIntegration") ? (
    <button type="button" className="primary" onClick={() => setCreating(true)}>
      Add a credential
    </button>
  ) : null;
  return (
    <Page title="Credentials" actions={add}>
      <Listing
        answer={integrations}
        title="credentials"
        columns={["Name", "Type", "Sent only to", "Changed", ""]}
        rows={found.map((one) => (
          <Row key={one.id} integration={one} />
        ))}
        empty={
          <Empty title="There are no credentials yet.">
            <p>Nodes that call other services use them: keys, passwords, OAuth 2 connections. They are kept sealed.</p>
            {add}
          </Empty>
        }
        page={page}
        onPage={setPage}
      />
      {creating ? <CreateDialog onClose={() => setCreating(false)} /> : null}
    </Page>
  );
}

const STATES: Record<string, Look> = {
  AUTHORIZATION_NEEDED: { text: "Needs consent", icon: "clock", tone: "wait" },
  AUTHORIZATION_EXPIRED: { text: "Consent expired", icon: "cross", tone: "bad" },
  AUTHORIZED: { text: "Connected", icon: "check", tone: "good" },
};

function Row({ integration }: { integration: Integration }) {
  const may = useMay();
  const test = useDo("IntegrationService", "TestIntegration");
  const authorize = useDo("IntegrationService", "StartAuthorization");
  const [deleting, setDeleting] = useState(false);
  const integrationId = integration.id ?? "";
  const state = STATES[integration.authorization ?? ""];
  const consent = () =>
    authorize.mutate(
      { integrationId, redirectUri: `${location.origin}/oauth/callback` },
      { onSuccess: (answer) => openElsewhere(answer.url ?? "") },
    );
  const name = integration.name || integrationId;
  return (
    <tr>
      <th scope="row">
        <Clip text={name} length={60} /> {state ? <Badge look={state} /> : null}
        <span className="row-note quiet">
          <code className="id">{integrationId}</code>
        </span>
        <span role="status" className="row-note">
          {test.isPending ? "Testing…" : null}
          {test.data ? <Badge look={test.data.ok ? { text: "It works", icon: "check", tone: "good" } : { text: "It doesn’t work", icon: "cross", tone: "bad" }} /> : null}
          {test.data && !test.data.ok ? ` ${test.data.message} ${test.data.hint ?? ""}` : null}
        </span>
        <ErrorNotice error={test.error ?? authorize.error} />
      </th>
      <td>{integration.type}</td>
      <td>
        <Clip text={(integration.hosts ?? []).join(", ")} length={60} />
      </td>
      <td className="quiet">
        <Ago time={integration.updatedAt} />
      </td>
      <td className="actions">
        {state && state.tone !== "good" && may("IntegrationService", "StartAuthorization") ? (
          <button type="button" className="small" disabled={authorize.isPending} onClick={consent} aria-label={`Connect ${name}`}>
            Connect
          </button>
        ) : null}
        {may("IntegrationService", "TestIntegration") ? (
          <button type="button" className="small" disabled={test.isPending} onClick={() => test.mutate({ integrationId })} aria-label={`Test ${name}`}>
            Test
          </button>
        ) : null}
        {may("IntegrationService", "DeleteIntegration") ? (
          <button type="button" className="small" onClick={() => setDeleting(true)} aria-label={`Delete ${name}`}>
            Delete
          </button>
        ) : null}
        {deleting ? <DeleteDialog integration={integration} onClose={() => setDeleting(false)} /> : null}
      </td>
    </tr>
  );
}

/** Only to where a browser may go by a link: an address of ours never comes from a scheme that runs code. */
function openElsewhere(url: string): void {
  if (/^https?:\/\//i.test(url)) location.assign(url);
}

function DeleteDialog({ integration, onClose }: { integration: Integration; onClose(): void }) {
  const remove = useDo("IntegrationService", "DeleteIntegration");
  const [force, setForce] = useState(false);
  const confirm = () => remove.mutate({ integrationId: integration.id ?? "", force }, { onSuccess: onClose });
  return (
    <Confirm title={`Delete “${integration.name}”?`} action="Delete it" pending={remove.isPending} error={remove.error} onConfirm={confirm} onClose={onClose}>
      <p>Its secrets are gone for good. It is refused while a workflow uses it, unless you insist.</p>
      <label className="choice">
        <input type="checkbox" checked={force} onChange={(event) => setForce(event.target.checked)} /> Delete it even if workflows use it
      </label>
    </Confirm>
  );
}
