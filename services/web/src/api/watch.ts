import { send } from "./call";
import type { ExecutionEvent, WatchExecutionResponse } from "./contract";
import { ApiError, readError } from "./errors";
import { EventStreamParser } from "./event_stream";

export type Connection = "connecting" | "live" | "lost" | "ended";

interface Listener {
  onEvents(events: ExecutionEvent[]): void;
  onConnection(state: Connection, error?: ApiError): void;
}

const NOTHING_MORE = 204;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

/** Follows a run from its first event to its end, over interruptions; returns what stops it. */
export function watchExecution(executionId: string, listener: Listener): () => void {
  const stop = new AbortController();
  void follow(executionId, listener, stop.signal);
  return () => stop.abort();
}

async function follow(id: string, listener: Listener, signal: AbortSignal): Promise<void> {
  let after = 0;
  let pause = FIRST_PAUSE;
  listener.onConnection("connecting");
  while (!signal.aborted) {
    try {
      const response = await open(id, after, signal);
      if (response.status === NOTHING_MORE) return listener.onConnection("ended");
      listener.onConnection("live");
      for await (const events of eventsOf(response)) {
        pause = FIRST_PAUSE;
        after = events.reduce((latest, event) => Math.max(latest, Number(event.sequence ?? 0)), after);
        listener.onEvents(events);
        if (events.some((event) => event.type === "EXECUTION_FINISHED")) return listener.onConnection("ended");
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && !error.passing) return listener.onConnection("lost", error);
      listener.onConnection("lost");
    }
    await rest(pause, signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
}

function open(id: string, after: number, signal: AbortSignal): Promise<Response> {
  const path = `/api/v1/executions/${encodeURIComponent(id)}/events?after=${after}`;
  return send("GET", path, { signal, accept: "text/event-stream" });
}

async function* eventsOf(response: Response): AsyncGenerator<ExecutionEvent[]> {
  if (!response.body) return;
  const parser = new EventStreamParser();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events: ExecutionEvent[] = [];
    for (const message of parser.push(value)) {
      const data = JSON.parse(message.data) as WatchExecutionResponse;
      if (message.event === "error") throw readError(500, data);
      if (data.event) events.push(data.event);
    }
    if (events.length) yield events;
  }
}

/** Waits, but no longer than until the network is back or the page is looked at again. */
function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      document.removeEventListener("visibilitychange", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", done);
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done);
  });
}
