import { expect, test } from "vitest";
import { fieldProblems, filledJson, initialValues, taskFields, triggerFields } from "./fields";
import type { FieldValues } from "./fields";
import { schemaFields } from "./schema_fields";

const FIELDS = taskFields([
  { name: "who", label: "Who", type: "text", required: true },
  { name: "age", type: "integer" },
  { name: "price", type: "number", defaultJson: "12.50" },
  { name: "ok", type: "boolean", defaultJson: "true" },
  { name: "mail", type: "email" },
  { name: "pick", type: "multiselect", options: ["a", "b"], defaultJson: '["b"]' },
]);

test("a form begins with the defaults", () => {
  expect(initialValues(FIELDS)).toEqual({ who: "", age: "", price: "12.5", ok: true, mail: "", pick: ["b"] });
});

test.each<[FieldValues, string[]]>([
  [{}, ["who"]],
  [{ who: "Ada", age: "1.5" }, ["age"]],
  [{ who: "Ada", price: "abc", mail: "no" }, ["price", "mail"]],
  [{ who: "Ada", age: "-3", price: "+0.5", mail: "a@b" }, []],
])("problems of %j", (values, wrong) => {
  expect(Object.keys(fieldProblems(FIELDS, values))).toEqual(wrong);
});

test("what was filled in is JSON of the right kinds, without what was left empty", () => {
  const text = filledJson(FIELDS, { who: "7", age: "007", price: ".5", ok: false, mail: "", pick: [] });
  expect(JSON.parse(text)).toEqual({ who: "7", age: 7, price: 0.5, ok: false });
});

test("a trigger's fields", () => {
  const fields = triggerFields({ parameters: { fields: [{ name: "a", type: "object" }, { name: "b", options: [{ value: "x" }, "y"], type: "select" }, { type: "text" }, 1, { name: "c", type: "file" }] } });
  expect(fields.map(({ name, kind, options }) => ({ name, kind, options }))).toEqual([
    { name: "a", kind: "json", options: [] },
    { name: "b", kind: "select", options: ["x", "y"] },
  ]);
  expect(triggerFields({ parameters: { path: "orders" } })).toEqual([]);
  expect(triggerFields({})).toEqual([]);
});

test("a schema's fields, in their order, with secrets as secrets", () => {
  const schema = {
    properties: {
      token: { type: "string", writeOnly: true, "x-order": 1 },
      url: { type: "string", title: "URL", "x-order": 0 },
      mode: { anyOf: [{ enum: ["a", "b"], type: "string" }, { type: "null" }], "x-order": 2 },
      tries: { type: "integer", default: 3, "x-order": 3 },
      key: { type: "string", writeOnly: true, "x-widget": "multiline", "x-order": 4 },
    },
    required: ["url"],
  };
  expect(schemaFields(JSON.stringify(schema)).map(({ name, kind, required, initial }) => [name, kind, required, initial])).toEqual([
    ["url", "text", true, ""],
    ["token", "secret", false, ""],
    ["mode", "select", false, ""],
    ["tries", "integer", false, "3"],
    ["key", "textarea", false, ""],
  ]);
  expect(schemaFields("no json")).toEqual([]);
});
