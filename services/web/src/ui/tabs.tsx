import { useId, useRef } from "react";

export interface Tab {
  id: string;
  title: React.ReactNode;
  content: React.ReactNode;
}

interface Props {
  label: string;
  tabs: Tab[];
  chosen: string;
  onChoose(id: string): void;
  /** Two views of the same, rather than parts of a page. */
  compact?: boolean;
}

/** Tabs as keyboards and screen readers expect them: arrows move, Tab leaves. */
export function Tabs({ label, tabs, chosen, onChoose, compact = false }: Props) {
  const prefix = useId();
  const list = useRef<HTMLDivElement>(null);
  const index = Math.max(tabs.findIndex((tab) => tab.id === chosen), 0);
  const current = tabs[index];
  const move = (event: React.KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 };
    const wanted = steps[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    const next = (wanted + tabs.length) % tabs.length;
    onChoose(tabs[next]?.id ?? "");
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  };
  return (
    <div className={compact ? "tabs compact" : "tabs"}>
      {/* oxlint-disable-next-line jsx-a11y/interactive-supports-focus -- its tabs have the focus */}
      <div role="tablist" aria-label={label} ref={list} onKeyDown={move}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${prefix}-${tab.id}`}
            aria-selected={tab === current}
            aria-controls={`${prefix}-panel`}
            tabIndex={tab === current ? 0 : -1}
            onClick={() => onChoose(tab.id)}
          >
            {tab.title}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${prefix}-panel`} aria-labelledby={`${prefix}-${current?.id}`}>
        {current?.content}
      </div>
    </div>
  );
}
