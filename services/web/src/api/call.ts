import type { Method, Request, Response as Answer, Service } from "./contract";
import { ApiError, readError } from "./errors";

const SAFE = new Set(["GET", "HEAD"]);
const PACKAGE = "workflow_engine.v1";

/** What every request carries: which workspace it means, and the proof that this page sends it. */
export const credentials = { csrfToken: "", workspace: "" };

/** Listeners hear of a session that has ended. */
export const sessionEnded = new EventTarget();

/** One request to our own origin; throws ApiError. */
export async function send(method: string, path: string, options: { body?: unknown; signal?: AbortSignal; accept?: string } = {}): Promise<Response> {
  const headers = new Headers({ Accept: options.accept ?? "application/json" });
  if (options.body !== undefined) headers.set("Content-Type", "application/json");
  if (credentials.workspace) headers.set("X-Workspace", credentials.workspace);
  if (!SAFE.has(method) && credentials.csrfToken) headers.set("X-CSRF-Token", credentials.csrfToken);
  const body = options.body === undefined ? null : JSON.stringify(options.body);
  let response: Response;
  try {
    response = await fetch(path, { method, headers, body, signal: options.signal ?? null, credentials: "same-origin" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError("offline", "The server can't be reached.");
  }
  if (response.ok) return response;
  const failure = readError(response.status, await response.json().catch(() => null));
  if (failure.code === "unauthenticated" && path !== "/api/v1/session") sessionEnded.dispatchEvent(new Event("end"));
  throw failure;
}

/** Calls a method of a service. */
export async function call<S extends Service, M extends Method<S>>(
  service: S,
  method: M,
  request: Request<S, M>,
  signal?: AbortSignal,
): Promise<Answer<S, M>> {
  const path = fullName(service, method);
  const response = await send("POST", path, signal ? { body: request, signal } : { body: request });
  return (await response.json()) as Answer<S, M>;
}

/** A method's full name, which is also its path. */
export function fullName<S extends Service>(service: S, method: Method<S>): string {
  return `/${PACKAGE}.${service}/${method}`;
}
