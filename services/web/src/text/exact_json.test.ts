import { expect, test } from "vitest";
import { ExactNumber, formatExact, jsonProblem, parseExact, pretty } from "./exact_json";

test("numbers keep what they were written with", () => {
  // Node 20 lacks what gives the digits of large numbers; tests/web has a browser show them.
  expect(formatExact(parseExact('{"a": 17, "b": [-2.5]}'))).toBe('{\n  "a": 17,\n  "b": [\n    -2.5\n  ]\n}');
  expect(formatExact(new ExactNumber("12345678901234567890"))).toBe("12345678901234567890");
});

test("structures are written with line breaks", () => {
  expect(pretty('{"a":[],"b":{},"c":[1,"x"],"d":null}')).toBe(
    '{\n  "a": [],\n  "b": {},\n  "c": [\n    1,\n    "x"\n  ],\n  "d": null\n}',
  );
  expect(pretty("no json")).toBe("no json");
});

test.each([
  ["{}", "object", ""],
  ["[]", "object", "Write one JSON object: { … }."],
  ["[{}]", "items", ""],
  ["[1]", "items", "Write one JSON object, or a list of objects."],
  ["1", "any", ""],
] as const)("%s as %s", (text, wanted, problem) => {
  expect(jsonProblem(text, wanted)).toBe(problem);
});

test("what isn't JSON is said", () => {
  expect(jsonProblem("{")).toMatch(/^This isn't JSON: /);
});
