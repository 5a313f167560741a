import { useId } from "react";
import type { Role } from "../../api/contract";

const ROLES: { role: Role; title: string }[] = [
  { role: "OWNER", title: "Owner: members, keys, audit log" },
  { role: "EDITOR", title: "Editor: workflows and credentials" },
  { role: "OPERATOR", title: "Operator: starts and steers runs" },
  { role: "APPROVER", title: "Approver: answers tasks" },
  { role: "VIEWER", title: "Viewer: reads" },
];

interface Props {
  label: string;
  /** Whether the label is for screen readers only. */
  hidden?: boolean;
  value: Role;
  onChoose(role: Role): void;
}

/** One of the roles; each may do what those after it may. */
export function RoleChoice({ label, hidden = false, value, onChoose }: Props) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id} className={hidden ? "sr-only" : ""}>
        {label}
      </label>
      <select id={id} value={value} onChange={(event) => onChoose(event.target.value as Role)}>
        {ROLES.map(({ role, title }) => (
          <option key={role} value={role}>
            {title}
          </option>
        ))}
      </select>
    </div>
  );
}
