import type { ExecutionStatus, HumanTaskStatus, NodeRunStatus } from "../api/contract";
import { StatusIcon } from "./icons";
import type { StatusIconName } from "./icons";

export interface Look {
  text: string;
  icon: StatusIconName;
  tone: "good" | "bad" | "busy" | "wait" | "idle";
}

export const EXECUTION_STATUS: Record<ExecutionStatus, Look> = {
  EXECUTION_STATUS_UNSPECIFIED: { text: "Unknown", icon: "dash", tone: "idle" },
  RUNNING: { text: "Running", icon: "spinner", tone: "busy" },
  PAUSED: { text: "Paused", icon: "pause", tone: "wait" },
  COMPLETED: { text: "Completed", icon: "check", tone: "good" },
  FAILED: { text: "Failed", icon: "cross", tone: "bad" },
  CANCELED: { text: "Canceled", icon: "stop", tone: "idle" },
  TIMED_OUT: { text: "Timed out", icon: "clock", tone: "bad" },
};

export const NODE_STATUS: Record<NodeRunStatus, Look> = {
  NODE_RUN_STATUS_UNSPECIFIED: { text: "Unknown", icon: "dash", tone: "idle" },
  NODE_RUNNING: { text: "Running", icon: "spinner", tone: "busy" },
  NODE_WAITING: { text: "Waiting", icon: "clock", tone: "wait" },
  NODE_RETRYING: { text: "Retrying", icon: "retry", tone: "wait" },
  NODE_COMPLETED: { text: "Completed", icon: "check", tone: "good" },
  NODE_FAILED: { text: "Failed", icon: "cross", tone: "bad" },
  NODE_CANCELED: { text: "Canceled", icon: "stop", tone: "idle" },
  NODE_SKIPPED: { text: "Skipped", icon: "dash", tone: "idle" },
};

export const TASK_STATUS: Record<HumanTaskStatus, Look> = {
  HUMAN_TASK_STATUS_UNSPECIFIED: { text: "Unknown", icon: "dash", tone: "idle" },
  TASK_OPEN: { text: "Open", icon: "clock", tone: "wait" },
  TASK_ANSWERED: { text: "Answered", icon: "check", tone: "good" },
  TASK_CANCELED: { text: "Canceled", icon: "stop", tone: "idle" },
  TASK_EXPIRED: { text: "Expired", icon: "cross", tone: "bad" },
};

export function StatusBadge({ status = "EXECUTION_STATUS_UNSPECIFIED" }: { status?: ExecutionStatus | undefined }) {
  return <Badge look={EXECUTION_STATUS[status]} />;
}

export function NodeStatusBadge({ status = "NODE_RUN_STATUS_UNSPECIFIED" }: { status?: NodeRunStatus | undefined }) {
  return <Badge look={NODE_STATUS[status]} />;
}

export function TaskStatusBadge({ status = "HUMAN_TASK_STATUS_UNSPECIFIED" }: { status?: HumanTaskStatus | undefined }) {
  return <Badge look={TASK_STATUS[status]} />;
}

/** A state by icon, word and colour. */
export function Badge({ look }: { look: Look }) {
  return (
    <span className={`badge tone-${look.tone}`}>
      <StatusIcon icon={look.icon} />
      {look.text}
    </span>
  );
}

/** Whether a run may still change. */
export function isOpen(status: ExecutionStatus | undefined): boolean {
  return status === "RUNNING" || status === "PAUSED";
}
