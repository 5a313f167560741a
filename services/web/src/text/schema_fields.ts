import type { Field, FieldKind } from "./fields";

interface Property {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Property[];
  writeOnly?: boolean;
  format?: string;
  "x-order"?: number;
  "x-widget"?: string;
}

/** The fields of a form, by a JSON Schema with our hints; none where it can't be read. */
export function schemaFields(schema: string): Field[] {
  let read: { properties?: Record<string, Property>; required?: string[] };
  try {
    read = JSON.parse(schema) as typeof read;
  } catch {
    return [];
  }
  const required = new Set(read.required ?? []);
  return Object.entries(read.properties ?? {})
    .filter(([, property]) => property.const === undefined)
    .toSorted(([, a], [, b]) => (a["x-order"] ?? 0) - (b["x-order"] ?? 0))
    .map(([name, property]) => toField(name, property, required.has(name)));
}

function toField(name: string, property: Property, required: boolean): Field {
  const options = choices(property);
  const kind = options.length ? "select" : kindOf(property);
  const plain = property.default;
  const initial = kind === "boolean" ? plain === true : typeof plain === "string" ? plain : plain === undefined || plain === null ? "" : JSON.stringify(plain);
  return { name, label: property.title ?? name, kind, required, options, help: property.description ?? "", initial };
}

function choices(property: Property): string[] {
  const found = [property, ...(property.anyOf ?? [])].find((one) => one.enum);
  return (found?.enum ?? []).filter((one) => typeof one === "string");
}

function kindOf(property: Property): FieldKind {
  const types = [property, ...(property.anyOf ?? [])].flatMap((one) => one.type ?? []);
  const long = property["x-widget"] === "multiline" || property["x-widget"] === "code";
  if (long) return "textarea";
  if (property.writeOnly || property.format === "password" || property.anyOf?.some((one) => one.writeOnly)) return "secret";
  if (types.includes("string")) return "text";
  if (types.includes("boolean")) return "boolean";
  if (types.includes("integer")) return "integer";
  if (types.includes("number")) return "number";
  return "json";
}
