import { useState } from "react";
import type { Workflow } from "../../api/contract";
import { useCall, useDo } from "../../api/hooks";
import { useMay } from "../../api/session";
import { count } from "../../text/format";
import { Confirm } from "../../ui/confirm";
import { ErrorNotice, Loading } from "../../ui/notice";
import { Ago } from "../../ui/time";
import { VersionDiff } from "./version_diff";

/** Every version, what tells any two of them apart, and the way back to one. */
export function Versions({ workflow }: { workflow: Workflow }) {
  const may = useMay();
  const workflowId = workflow.id ?? "";
  const versions = useCall("WorkflowService", "ListWorkflowVersions", { workflowId, pageSize: 200 });
  const latest = workflow.version ?? 1;
  const [before, setBefore] = useState(Math.max(latest - 1, 1));
  const [after, setAfter] = useState(latest);
  const [restoring, setRestoring] = useState(0);
  const found = versions.data?.versions ?? [];
  return (
    <>
      <ErrorNotice error={versions.error} onRetry={() => void versions.refetch()} />
      {versions.isPending ? <Loading what="versions" /> : null}
      <ul className="versions">
        {found.map((one) => (
          <li key={one.version}>
            <strong>Version {one.version}</strong>
            <span className="quiet">
              {count(one.nodeCount ?? 0, "node")}, <Ago time={one.createdAt} />
              {one.restoredFrom ? `, restored from version ${one.restoredFrom}` : ""}
            </span>
            {one.version === latest ? (
              <span className="tag">latest</span>
            ) : (
              <span className="actions">
                <button
                  type="button"
                  className="small"
                  onClick={() => {
                    setBefore(one.version ?? 1);
                    setAfter(latest);
                  }}
                >
                  Compare with the latest
                </button>
                {may("WorkflowService", "RestoreWorkflowVersion") ? (
                  <button type="button" className="small" onClick={() => setRestoring(one.version ?? 0)}>
                    Restore
                  </button>
                ) : null}
              </span>
            )}
          </li>
        ))}
      </ul>
      {found.length > 1 ? (
        <section aria-labelledby="diff">
          <h2 id="diff">What changed</h2>
          <div className="filters">
            <VersionChoice label="From" versions={found.map((one) => one.version ?? 0)} value={before} onChoose={setBefore} />
            <VersionChoice label="To" versions={found.map((one) => one.version ?? 0)} value={after} onChoose={setAfter} />
          </div>
          <VersionDiff workflowId={workflowId} before={before} after={after} />
        </section>
      ) : null}
      {found.length === 1 ? <p className="quiet">Each change of the workflow makes a new version. There has been none yet.</p> : null}
      {restoring ? <RestoreDialog workflowId={workflowId} version={restoring} onClose={() => setRestoring(0)} /> : null}
    </>
  );
}

interface ChoiceProps {
  label: string;
  versions: number[];
  value: number;
  onChoose(version: number): void;
}

function VersionChoice({ label, versions, value, onChoose }: ChoiceProps) {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onChoose(Number(event.target.value))}>
        {versions.map((version) => (
          <option key={version} value={version}>
            Version {version}
          </option>
        ))}
      </select>
    </label>
  );
}

function RestoreDialog({ workflowId, version, onClose }: { workflowId: string; version: number; onClose(): void }) {
  const restore = useDo("WorkflowService", "RestoreWorkflowVersion");
  const confirm = () => restore.mutate({ workflowId, version }, { onSuccess: onClose });
  return (
    <Confirm title={`Restore version ${version}?`} action="Restore it" pending={restore.isPending} error={restore.error} onConfirm={confirm} onClose={onClose}>
      <p>A new version is made that says the same as version {version}. No version is lost. What is active stays active until you activate the new one.</p>
    </Confirm>
  );
}
