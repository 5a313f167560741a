import { useEffect, useRef } from "react";

interface Props {
  title: string;
  /** What the heading shows, where it is more than the title. */
  heading?: React.ReactNode;
  actions?: React.ReactNode;
  children: React.ReactNode;
}

let visited = false;

/** A page: its title in the tab, and the focus on its heading after a change of pages. */
export function Page({ title, heading, actions, children }: Props) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Orchestrator`;
  }, [title]);
  useEffect(() => {
    // Not at the first page: there a screen reader begins at the top anyway.
    if (visited) ref.current?.focus();
    visited = true;
  }, []);
  return (
    <>
      <header className="page-head">
        <h1 ref={ref} tabIndex={-1}>
          {heading ?? title}
        </h1>
        {actions ? <div className="actions">{actions}</div> : null}
      </header>
      {children}
    </>
  );
}

/** Leads through a list that comes in pages. */
export function Pager({ token, next, onChoose }: { token: string; next: string | undefined; onChoose(token: string): void }) {
  if (!token && !next) return null;
  return (
    <nav className="pager" aria-label="Pages">
      <button type="button" disabled={!token} onClick={() => onChoose("")}>
        First page
      </button>
      <button type="button" disabled={!next} onClick={() => onChoose(next ?? "")}>
        Next page
      </button>
    </nav>
  );
}
