import type { Node, TaskField } from "../api/contract";
import { ExactNumber, formatExact, parseExact } from "./exact_json";
import type { Exact } from "./exact_json";

export type FieldKind =
  | "text" | "textarea" | "number" | "integer" | "boolean" | "date" | "datetime" | "email" | "select" | "multiselect"
  | "json" | "secret";

/** One field of a form. */
export interface Field {
  name: string;
  label: string;
  kind: FieldKind;
  required: boolean;
  options: string[];
  help: string;
  /** What it begins with, as a form holds it. */
  initial: FieldValue;
}

/** What a form holds of a field: texts, also of numbers; which options are chosen; whether it is ticked. */
export type FieldValue = string | boolean | string[];
export type FieldValues = Record<string, FieldValue>;

const KINDS: Record<string, FieldKind> = {
  string: "text", text: "text", textarea: "textarea", multiline: "textarea", number: "number", integer: "integer",
  boolean: "boolean", checkbox: "boolean", date: "date", datetime: "datetime", email: "email", select: "select",
  dropdown: "select", multiselect: "multiselect", object: "json", list: "json", array: "json", any: "json",
};

/** The fields of a task. */
export function taskFields(fields: readonly TaskField[]): Field[] {
  return fields.map((field) => {
    const kind = KINDS[field.type ?? "text"] ?? "text";
    return {
      name: field.name ?? "",
      label: field.label || field.name || "",
      kind,
      required: field.required ?? false,
      options: field.options ?? [],
      help: "",
      initial: initialOf(kind, field.defaultJson ? parsed(field.defaultJson) : undefined),
    };
  });
}

/** The fields that a trigger's parameters name; empty where it takes any JSON. */
export function triggerFields(trigger: Node): Field[] {
  const given = (trigger.parameters as { fields?: unknown } | undefined)?.fields;
  if (!Array.isArray(given)) return [];
  // A run that is started here carries JSON only: files come by the form's own page.
  const usable = given.filter(isObject).filter((field) => typeof field.name === "string" && field.name !== "" && field.type !== "file");
  return usable.map((field) => {
    const kind = KINDS[String(field.type ?? "text")] ?? "text";
    const value = toExact(field.default);
    return {
      name: String(field.name),
      label: typeof field.label === "string" && field.label ? field.label : String(field.name),
      kind,
      required: field.required === true,
      options: optionsOf(field.options),
      help: [field.description, field.help, field.placeholder].find((text) => typeof text === "string") ?? "",
      initial: initialOf(kind, value),
    };
  });
}

/** What a form begins with. */
export function initialValues(fields: readonly Field[]): FieldValues {
  return Object.fromEntries(fields.map((field) => [field.name, field.initial]));
}

/** What is wrong with what was filled in, by field. */
export function fieldProblems(fields: readonly Field[], values: FieldValues): Record<string, string> {
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const problem = problemOf(field, values[field.name] ?? "");
    if (problem) problems[field.name] = problem;
  }
  return problems;
}

/** What was filled in, as the text of a JSON object; fields that were left empty aren't in it. */
export function filledJson(fields: readonly Field[], values: FieldValues): string {
  const filled: { [key: string]: Exact } = {};
  for (const field of fields) {
    const value = exactOf(field, values[field.name] ?? "");
    if (value !== undefined) filled[field.name] = value;
  }
  return formatExact(filled);
}

function problemOf(field: Field, value: FieldValue): string {
  const empty = value === "" || (Array.isArray(value) && !value.length);
  if (empty) return field.required && field.kind !== "boolean" ? `Fill in “${field.label}”.` : "";
  if (typeof value !== "string") return "";
  if (field.kind === "number" && !isNumber(value)) return `Write “${field.label}” as a number, like 12.5.`;
  if (field.kind === "integer" && !/^-?\d+$/.test(value.trim())) return `Write “${field.label}” as a whole number.`;
  if (field.kind === "email" && !/^[^\s@]+@[^\s@]+$/.test(value.trim())) return `Write “${field.label}” as an address, like name@example.com.`;
  if (field.kind === "json" && parsed(value) === undefined) return `“${field.label}” isn’t JSON. Texts need quotes.`;
  return "";
}

function exactOf(field: Field, value: FieldValue): Exact | undefined {
  if (Array.isArray(value)) return value.length ? value : undefined;
  if (typeof value === "boolean") return value;
  if (value === "") return undefined;
  if (field.kind === "number" || field.kind === "integer") return parsed(plainNumber(value));
  if (field.kind === "json") return parsed(value);
  // A browser leaves the zone out; what was meant is the reader's own.
  if (field.kind === "datetime") return new Date(value).toISOString();
  return value;
}

function initialOf(kind: FieldKind, value: Exact | undefined): FieldValue {
  if (kind === "boolean") return value === true;
  if (kind === "multiselect") return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
  if (value === undefined || value === null) return "";
  if (kind === "datetime" && typeof value === "string") return localDateTime(value);
  if (kind === "json") return formatExact(value);
  return typeof value === "string" ? value : formatExact(value);
}

function localDateTime(value: string): string {
  const at = new Date(value);
  if (Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function isNumber(value: string): boolean {
  return parsed(plainNumber(value)) instanceof ExactNumber;
}

/** A number as JSON writes it: without a plus sign, leading zeros or a bare point. */
function plainNumber(value: string): string {
  return value.trim().replace(/^\+/, "").replace(/^(-?)0+(?=\d)/, "$1").replace(/^(-?)\./, "$10.").replace(/\.$/, "");
}

function parsed(text: string): Exact | undefined {
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}

function toExact(value: unknown): Exact | undefined {
  return value === undefined ? undefined : parsed(JSON.stringify(value));
}

function optionsOf(given: unknown): string[] {
  if (!Array.isArray(given)) return [];
  return given.map((option) => (isObject(option) ? String(option.value ?? option.name ?? option.label ?? "") : String(option)));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
