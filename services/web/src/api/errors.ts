import type { Problem } from "./contract";

/** A call that failed: what the server said, or what kept us from reaching it. */
export class ApiError extends Error {
  override name = "ApiError";

  constructor(
    /** A gRPC code in Connect's spelling ("not_found"), or "offline". */
    readonly code: string,
    message: string,
    readonly reason = "",
    readonly problems: readonly Problem[] = [],
  ) {
    super(message);
  }

  /** Whether the same call may work in a moment. */
  get passing(): boolean {
    return this.code === "offline" || this.code === "unavailable";
  }
}

const BY_STATUS: Record<number, string> = {
  400: "invalid_argument",
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  409: "aborted",
  413: "resource_exhausted",
  429: "resource_exhausted",
  501: "unimplemented",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

const ADVICE: Record<string, string> = {
  offline: "Check that the server runs and that you are connected; it is tried again by itself.",
  unavailable: "The server is starting or overloaded. Try again in a moment.",
  unauthenticated: "Sign in again.",
  permission_denied: "Ask an owner of this workspace for a role that may do this.",
  not_found: "It may have been deleted, or it is in another workspace.",
  aborted: "Somebody changed it meanwhile. Reload, and do it again.",
  resource_exhausted: "Wait a minute, then try again.",
  internal: "This is a fault of the server. Its log says more.",
  unimplemented: "This server is older than this page, or lacks this part.",
  deadline_exceeded: "It took too long. Try again, or ask for less.",
};

/** What to do about an error; empty where its message says it. */
export function advice(error: unknown): string {
  return error instanceof ApiError ? (ADVICE[error.code] ?? "") : "";
}

/** Reads the body of an answer that isn't 2xx. */
export function readError(status: number, body: unknown): ApiError {
  const code = BY_STATUS[status] ?? (status >= 500 ? "internal" : "unknown");
  if (typeof body !== "object" || body === null) return new ApiError(code, `The server answered with status ${status}.`);
  const said = body as { code?: unknown; message?: unknown; reason?: unknown; problems?: unknown };
  return new ApiError(
    typeof said.code === "string" && said.code ? said.code.toLowerCase() : code,
    typeof said.message === "string" && said.message ? said.message : `The server answered with status ${status}.`,
    typeof said.reason === "string" ? said.reason : "",
    Array.isArray(said.problems) ? (said.problems as Problem[]) : [],
  );
}
