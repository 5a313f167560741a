const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** "3 minutes ago", "in 2 hours". */
export function ago(time: string, now: number = Date.now()): string {
  const seconds = (Date.parse(time) - now) / 1000;
  if (Number.isNaN(seconds)) return "";
  if (Math.abs(seconds) < 5) return "just now";
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size || unit === "second") return relative.format(Math.trunc(seconds / size), unit);
  }
  return "";
}

/** Date and time in the reader's own zone. */
export function dateTime(time: string): string {
  const at = Date.parse(time);
  return Number.isNaN(at) ? "" : absolute.format(at);
}

/** How long from one time to another: "320 ms", "4.2 s", "3 min 5 s", "2 h 4 min", "5 d 3 h". */
export function duration(start: string | undefined, end: string | undefined, now: number = Date.now()): string {
  if (!start) return "";
  const milliseconds = Math.max((end ? Date.parse(end) : now) - Date.parse(start), 0);
  if (Number.isNaN(milliseconds)) return "";
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return pair(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86_400) return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return pair(Math.floor(whole / 86_400), "d", Math.floor((whole % 86_400) / 3600), "h");
}

function pair(large: number, unit: string, small: number, smaller: string): string {
  return small ? `${large} ${unit} ${small} ${smaller}` : `${large} ${unit}`;
}

/** "812 B", "4.2 KiB", "1.5 MiB". */
export function bytes(total: number): string {
  let size = total;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (size < 1024 || unit === "GiB") return `${unit === "B" ? size : size.toFixed(size < 10 ? 1 : 0)} ${unit}`;
    size /= 1024;
  }
  return "";
}

/** "1 item", "2 items"; irregular plurals are given. */
export function count(number: number, noun: string, plural: string = `${noun}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? noun : plural}`;
}

/** A text cut to a length, by characters that people see rather than by code units. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  const segments = [...new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text.slice(0, length * 12))];
  if (segments.length <= length && text.length <= length * 12) return text;
  return `${segments.slice(0, length - 1).map((part) => part.segment).join("")}…`;
}

/** A name of the contract as people write it: "NODE_RUNNING" is "Node running". */
export function words(name: string): string {
  const text = name.toLowerCase().replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
