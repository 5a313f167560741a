export type StatusIconName = keyof typeof STATUS;

const STATUS = {
  check: <path d="M3.5 8.5l3 3 6-7" />,
  cross: <path d="M4 4l8 8M12 4l-8 8" />,
  spinner: <path d="M8 2a6 6 0 1 0 6 6" />,
  clock: <path d="M8 4.5V8l2.5 1.5M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12z" />,
  pause: <path d="M5.5 3.5v9M10.5 3.5v9" />,
  stop: <path d="M4 4h8v8H4z" />,
  dash: <path d="M3.5 8h9" />,
  retry: <path d="M13 8a5 5 0 1 1-1.5-3.6M13 2v3h-3" />,
};

const NODES: Record<string, React.ReactNode> = {
  TRIGGER_NODE: <path d="M9 1.5L3 9h4l-1 5.500L12.500 7H8.500z" />,
  AI_AGENT_NODE: <path d="M8 1.800l1.500 4.200L13.800 7.500 9.500 9 8 13.300 6.500 9 2.200 7.500 6.500 6zM13 11.500v3M11.500 13h3" />,
  EXTERNAL_ACTION_NODE: <path d="M6.500 3.500h-3v9h9v-3M9 2.500h4.500V7M13.300 2.700L7.500 8.500" />,
  ACTION_NODE: <path d="M5 4L1.500 8 5 12M11 4l3.500 4L11 12M9.200 3l-2.400 10" />,
  FLOW_NODE: <path d="M2 8h4l3-4.500h5M6 8l3 4.500h5M12 1.500l2 2-2 2M12 10.500l2 2-2 2" />,
  HUMAN_IN_THE_LOOP_NODE: <path d="M8 7.500a2.800 2.800 0 1 0 0-5.600 2.800 2.800 0 0 0 0 5.600zM2.500 14c.5-3 2.600-4.500 5.500-4.500s5 1.500 5.500 4.500" />,
  TOOL_NODE: <path d="M13.500 4.500a3.500 3.500 0 0 1-4.700 4l-4.600 4.700a1.400 1.400 0 0 1-2-2L6.800 6.600a3.500 3.500 0 0 1 4.200-4.600L9 4l.5 2.500L12 7z" />,
  MEMORY_NODE: <path d="M8 6c3 0 5.300-.9 5.300-2S11 2 8 2s-5.300.9-5.300 2S5 6 8 6zM2.700 4v8c0 1.100 2.300 2 5.300 2s5.300-.9 5.300-2V4M2.700 8c0 1.100 2.300 2 5.300 2s5.300-.9 5.300-2" />,
  CUSTOM_NODE: <path d="M8 1.800l5.500 3v6.400L8 14.200l-5.500-3V4.800zM2.500 4.800L8 8l5.500-3.200M8 8v6.200" />,
};

/** An icon that a word stands beside, so that it says nothing by itself. */
function Icon({ children, className = "" }: { children: React.ReactNode; className?: string }) {
  return (
    <svg className={`icon ${className}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export function StatusIcon({ icon }: { icon: StatusIconName }) {
  return <Icon className={icon === "spinner" ? "spins" : ""}>{STATUS[icon]}</Icon>;
}

export function NodeIcon({ type }: { type: string }) {
  return <Icon>{NODES[type] ?? NODES.CUSTOM_NODE}</Icon>;
}

export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M9 9v6a4 4 0 0 0 4 4h6m-10-4v8" />
      <circle cx="9" cy="8" r="3.2" />
      <circle cx="22" cy="19" r="3.2" className="far" />
      <circle cx="9" cy="24" r="3.2" />
    </svg>
  );
}
