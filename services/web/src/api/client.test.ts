import { afterEach, expect, test, vi } from "vitest";
import { call, credentials, sessionEnded } from "./call";
import type { ExecutionEvent } from "./contract";
import { advice, ApiError, readError } from "./errors";
import { EventStreamParser } from "./event_stream";
import { RunTally } from "./run_state";

afterEach(() => vi.unstubAllGlobals());

test.each([
  [400, { code: "invalid_argument", message: "it has no name", problems: [{ code: "X" }] }, "invalid_argument", "it has no name", 1],
  [503, "<html>", "unavailable", "The server answered with status 503.", 0],
  [500, null, "internal", "The server answered with status 500.", 0],
  [418, {}, "unknown", "The server answered with status 418.", 0],
  [409, { code: 5, message: 7, problems: "no" }, "aborted", "The server answered with status 409.", 0],
])("status %i with %j", (status, body, code, message, problems) => {
  const error = readError(status, body);
  expect([error.code, error.message, error.problems.length]).toEqual([code, message, problems]);
});

test("what to do is said by code", () => {
  expect(advice(new ApiError("permission_denied", ""))).toContain("owner");
  expect(advice(new ApiError("invalid_argument", ""))).toBe("");
  expect(advice(new Error("x"))).toBe("");
});

test("a call carries the token and the workspace, and throws what was answered", async () => {
  const asked: Request[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    asked.push(new Request(`http://test${path}`, init));
    return new Response('{"code": "not_found", "message": "no such workflow"}', { status: 404 });
  });
  Object.assign(credentials, { csrfToken: "t", workspace: "w" });
  await expect(call("WorkflowService", "GetWorkflow", { workflowId: "x" })).rejects.toMatchObject({ code: "not_found", message: "no such workflow" });
  expect(asked[0]?.url).toBe("http://test/workflow_engine.v1.WorkflowService/GetWorkflow");
  expect([asked[0]?.headers.get("x-csrf-token"), asked[0]?.headers.get("x-workspace")]).toEqual(["t", "w"]);
  expect(await asked[0]?.json()).toEqual({ workflowId: "x" });
});

test("a server that can't be reached is said so, and a session that ended is told", async () => {
  vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("failed")));
  await expect(call("AuthService", "WhoAmI", {})).rejects.toMatchObject({ code: "offline", passing: true });
  const ended = vi.fn();
  sessionEnded.addEventListener("end", ended);
  vi.stubGlobal("fetch", async () => new Response("{}", { status: 401 }));
  await expect(call("AuthService", "WhoAmI", {})).rejects.toMatchObject({ code: "unauthenticated" });
  expect(ended).toHaveBeenCalledOnce();
});

test("events are whole, in whatever pieces they come", () => {
  const text = ': hello\n\nid: 1\ndata: {"a":1}\n\nid: 2\r\nevent: x\r\ndata: one\r\ndata: two\r\n\r\nretry: 5\n\n';
  const whole = [
    { id: "1", event: "message", data: '{"a":1}' },
    { id: "2", event: "x", data: "one\ntwo" },
  ];
  for (const size of [1, 2, 3, 7, text.length]) {
    const parser = new EventStreamParser();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
    expect(found).toEqual(whole);
  }
});

const node = (sequence: number, status: string, runIndex = 0): ExecutionEvent => ({ sequence: String(sequence), type: "NODE_FINISHED", nodeRun: { node: "A", runIndex, status: status as never } });

test("a node's state is what is going on, then what came last", () => {
  const tally = new RunTally();
  tally.add([node(1, "NODE_COMPLETED"), node(2, "NODE_FAILED", 1), node(3, "NODE_WAITING", 0)]);
  const { nodes } = tally.add([node(4, "NODE_COMPLETED", 2)]);
  expect(nodes.get("A")).toMatchObject({ status: "NODE_WAITING", runs: 3, failed: 1 });
  expect(tally.add([node(5, "NODE_COMPLETED", 0)]).nodes.get("A")).toMatchObject({ status: "NODE_COMPLETED", runs: 3 });
});

test("an event that comes twice changes nothing", () => {
  const tally = new RunTally();
  tally.add([node(1, "NODE_RUNNING"), node(2, "NODE_COMPLETED")]);
  expect(tally.add([node(1, "NODE_RUNNING")]).nodes.get("A")?.status).toBe("NODE_COMPLETED");
  const ended = tally.add([{ sequence: "3", type: "EXECUTION_FINISHED", execution: { status: "COMPLETED" } }]);
  expect([ended.execution.status, ended.sequence]).toEqual(["COMPLETED", 3]);
});
