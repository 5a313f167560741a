import { useMemo, useState } from "react";
import { ExactNumber, parseExact, pretty } from "../text/exact_json";
import type { Exact } from "../text/exact_json";
import { clip, count } from "../text/format";

const OPEN_DEPTH = 3;
const FIRST_ENTRIES = 50;
const LONG_STRING = 400;

/** JSON as a tree that unfolds; however much there is, only what is unfolded is in the page. */
export function Json({ text, label }: { text: string; label: string }) {
  const parsed = useMemo(() => {
    try {
      return { value: parseExact(text) };
    } catch {
      return null;
    }
  }, [text]);
  if (!parsed) return <pre className="json">{clip(text, 4000)}</pre>;
  return (
    <div className="json" role="group" aria-label={label}>
      <CopyButton text={text} />
      <Value value={parsed.value} depth={0} />
    </div>
  );
}

function Value({ value, depth }: { value: Exact; depth: number }) {
  if (value instanceof ExactNumber) return <span className="json-number">{clip(value.source, 60)}</span>;
  if (typeof value === "string") return <Text value={value} />;
  if (value === null || typeof value === "boolean") return <span className="json-word">{String(value)}</span>;
  return <Branch value={value} depth={depth} />;
}

function Text({ value }: { value: string }) {
  const [whole, setWhole] = useState(false);
  const short = clip(value, LONG_STRING);
  return (
    <span className="json-string">
      <bdi>{JSON.stringify(whole ? value : short)}</bdi>
      {short === value ? null : (
        <button type="button" className="link" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? "less" : `all ${value.length.toLocaleString("en")} characters`}
        </button>
      )}
    </span>
  );
}

function Branch({ value, depth }: { value: Exact[] | { [key: string]: Exact }; depth: number }) {
  const isList = Array.isArray(value);
  const entries = useMemo<[string, Exact][]>(() => Object.entries(value), [value]);
  const [open, setOpen] = useState(depth < OPEN_DEPTH && entries.length <= FIRST_ENTRIES);
  const [shown, setShown] = useState(FIRST_ENTRIES);
  if (!entries.length) return <span className="json-word">{isList ? "[ ]" : "{ }"}</span>;
  const size = count(entries.length, isList ? "entry" : "field", isList ? "entries" : "fields");
  return (
    <span className="json-branch">
      <button type="button" className="json-fold" aria-expanded={open} onClick={() => setOpen(!open)}>
        {isList ? "[" : "{"} <span className="quiet">{size}</span> {open ? "" : isList ? "]" : "}"}
      </button>
      {open ? (
        <ul>
          {entries.slice(0, shown).map(([key, entry]) => (
            <li key={key}>
              <bdi className={isList ? "json-index" : "json-key"}>{clip(key, 120)}</bdi>: <Value value={entry} depth={depth + 1} />
            </li>
          ))}
          {entries.length > shown ? (
            <li>
              <button type="button" className="link" onClick={() => setShown(shown + FIRST_ENTRIES * 4)}>
                Show more ({(entries.length - shown).toLocaleString("en")} left)
              </button>
            </li>
          ) : null}
        </ul>
      ) : null}
    </span>
  );
}

/** Puts a text into the clipboard, and says so. */
export function CopyButton({ text, what = "Copy" }: { text: string; what?: string }) {
  const [said, setSaid] = useState("");
  const copy = () => {
    navigator.clipboard.writeText(pretty(text)).then(
      () => setSaid("Copied"),
      () => setSaid("The browser didn’t allow it"),
    );
  };
  return (
    <span className="copy">
      <button type="button" className="small" onClick={copy} onBlur={() => setSaid("")}>
        {what}
      </button>
      <span role="status">{said}</span>
    </span>
  );
}
