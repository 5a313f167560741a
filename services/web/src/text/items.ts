import { formatExact, parseExact } from "./exact_json";
import type { Exact } from "./exact_json";

/** A port's items as people think of them: each item's own JSON, without what the engine keeps beside it. */
export function itemsJson(text: string): string {
  return unwrapped(text, (item) => item.json ?? {});
}

/** The same to look at: an item that carries files shows them. */
export function itemsShown(text: string): string {
  const files = (item: { [key: string]: Exact }) => item.files && Object.keys(item.files).length > 0;
  return unwrapped(text, (item) => (files(item) ? item : (item.json ?? {})));
}

function unwrapped(text: string, inner: (item: { [key: string]: Exact }) => Exact): string {
  if (!text) return "[]";
  let items: Exact;
  try {
    items = parseExact(text);
  } catch {
    return text;
  }
  if (!Array.isArray(items)) return text;
  return formatExact(items.map((item) => (isItem(item) ? inner(item) : item)));
}

function isItem(value: Exact): value is { [key: string]: Exact } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && "json" in value;
}
