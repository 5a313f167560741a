import { expect, test } from "vitest";
import { ago, bytes, clip, count, duration, words } from "./format";

const NOW = Date.parse("2026-11-26T12:00:00Z");

test.each([
  ["2026-11-26T11:59:58Z", "just now"],
  ["2026-11-26T11:59:30Z", "30 seconds ago"],
  ["2026-11-26T11:57:00Z", "3 minutes ago"],
  ["2026-11-26T14:00:00Z", "in 2 hours"],
  ["2026-11-25T11:00:00Z", "yesterday"],
  ["nonsense", ""],
])("%s is %s", (time, said) => {
  expect(ago(time, NOW)).toBe(said);
});

test.each([
  [0.32, "320 ms"],
  [4.24, "4.2 s"],
  [59.97, "1 min"],
  [185, "3 min 5 s"],
  [7440, "2 h 4 min"],
  [442_800, "5 d 3 h"],
  [-5, "0 ms"],
])("%s seconds are %s", (seconds, said) => {
  const start = new Date(NOW).toISOString();
  expect(duration(start, new Date(NOW + seconds * 1000).toISOString())).toBe(said);
});

test("a run that goes on takes as long as it has so far", () => {
  expect(duration("2026-11-26T11:59:00Z", undefined, NOW)).toBe("1 min");
  expect(duration(undefined, undefined, NOW)).toBe("");
});

test.each([
  [812, "812 B"],
  [4300, "4.2 KiB"],
  [1_572_864, "1.5 MiB"],
  [5e12, "4657 GiB"],
])("%s bytes are %s", (total, said) => {
  expect(bytes(total)).toBe(said);
});

test("texts are cut between characters that people see", () => {
  expect(clip("short", 10)).toBe("short");
  expect(clip("👩‍👩‍👧‍👦".repeat(5), 3)).toBe(`${"👩‍👩‍👧‍👦".repeat(2)}…`);
  expect(clip("👩‍👩‍👧‍👦".repeat(3), 3)).toBe("👩‍👩‍👧‍👦".repeat(3));
  expect(clip("x".repeat(1e6), 5)).toBe("xxxx…");
});

test("names and numbers", () => {
  expect(words("TIMED_OUT")).toBe("Timed out");
  expect(count(1, "entry", "entries")).toBe("1 entry");
  expect(count(1200, "entry", "entries")).toBe("1,200 entries");
});
