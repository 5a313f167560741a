import { Dialog } from "./dialog";
import { ErrorNotice } from "./notice";

interface Props {
  title: string;
  children: React.ReactNode;
  action: string;
  pending: boolean;
  error: Error | null;
  onConfirm(): void;
  onClose(): void;
}

/** Asks before something that can't be undone. */
export function Confirm({ title, children, action, pending, error, onConfirm, onClose }: Props) {
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <ErrorNotice error={error} />
      <div className="actions">
        <button type="button" className="danger" disabled={pending} onClick={onConfirm}>
          {pending ? "Working…" : action}
        </button>
        <button type="button" onClick={onClose}>
          Keep it as it is
        </button>
      </div>
    </Dialog>
  );
}
