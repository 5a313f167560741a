import { useLocation } from "wouter";
import { useMay, useSession } from "../../api/session";
import { words } from "../../text/format";
import { Empty } from "../../ui/notice";
import { Page } from "../../ui/page";
import { Tabs } from "../../ui/tabs";
import { ApiKeys } from "./api_keys";
import { AuditLog } from "./audit";
import { Members } from "./members";
import { Password } from "./password";

/** Members, keys, the audit log, and one's own password. */
export default function Settings({ tab }: { tab: string }) {
  const may = useMay();
  const { local, workspace } = useSession();
  const [, navigate] = useLocation();
  const tabs = [
    { id: "members", title: "Members", content: <Members />, shown: may("AuthService", "ListMembers") },
    { id: "keys", title: "API keys", content: <ApiKeys />, shown: may("AuthService", "ListApiKeys") },
    { id: "audit", title: "Audit log", content: <AuditLog />, shown: may("AuthService", "ListAuditEvents") },
    { id: "password", title: "Password", content: <Password />, shown: !local && may("AuthService", "ChangePassword") },
  ].filter((one) => one.shown);
  return (
    <Page title="Settings">
      {workspace ? (
        <p className="quiet">
          Workspace <bdi>{workspace.name || workspace.id}</bdi>
          {workspace.role ? `, where you are ${words(workspace.role).toLowerCase()}` : ""}.
        </p>
      ) : null}
      {tabs.length ? (
        <Tabs label="Settings" tabs={tabs} chosen={tab} onChoose={(chosen) => navigate(`/settings/${chosen}`, { replace: true })} />
      ) : (
        <Empty title="There is nothing here that your role may change." />
      )}
    </Page>
  );
}
