import { Component } from "react";

interface Props {
  /** What isn't shown when it fails. */
  what: string;
  children: React.ReactNode;
}

/** Keeps the fault of one part from taking the page along. */
export class ErrorBoundary extends Component<Props, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div className="notice tone-bad" role="alert">
        <p>
          <strong>{this.props.what} can’t be shown.</strong> {error.message}
        </p>
        <p>
          Reload the page. If it happens again, the server may be newer than this page: reload without the browser’s cache.
        </p>
        <button type="button" onClick={() => location.reload()}>
          Reload
        </button>
      </div>
    );
  }
}
