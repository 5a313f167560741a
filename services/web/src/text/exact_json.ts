/** A JSON value whose numbers keep the digits they were written with. */
export type Exact = string | boolean | null | ExactNumber | Exact[] | { [key: string]: Exact };

/** A number as it was written: 12345678901234567890 stays what it is. */
export class ExactNumber {
  constructor(readonly source: string) {}
}

type Reviver = (this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown;

/** Reads JSON without rounding numbers; throws SyntaxError. */
export function parseExact(text: string): Exact {
  const reviver: Reviver = (_key, value, context) =>
    typeof value === "number" ? new ExactNumber(context?.source ?? String(value)) : value;
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown) as Exact;
}

/** Writes JSON with line breaks, and numbers as they were. */
export function formatExact(value: Exact, indent = ""): string {
  if (value instanceof ExactNumber) return value.source;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (!value.length) return "[]";
    return `[\n${value.map((entry) => inner + formatExact(entry, inner)).join(",\n")}\n${indent}]`;
  }
  const entries = Object.entries(value);
  if (!entries.length) return "{}";
  return `{\n${entries.map(([key, entry]) => `${inner}${JSON.stringify(key)}: ${formatExact(entry, inner)}`).join(",\n")}\n${indent}}`;
}

/** The same text with line breaks, or as it is where it isn't JSON. */
export function pretty(text: string): string {
  try {
    return formatExact(parseExact(text));
  } catch {
    return text;
  }
}

/** What keeps a text from being JSON of the wanted kind; empty if nothing does. */
export function jsonProblem(text: string, wanted: "object" | "items" | "any" = "any"): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `This isn't JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  const isObject = (one: unknown) => typeof one === "object" && one !== null && !Array.isArray(one);
  if (wanted === "object" && !isObject(value)) return "Write one JSON object: { … }.";
  if (wanted === "items" && !(isObject(value) || (Array.isArray(value) && value.every(isObject))))
    return "Write one JSON object, or a list of objects.";
  return "";
}
