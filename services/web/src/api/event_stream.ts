/** One event of a stream of Server-Sent Events. */
export interface StreamEvent {
  id: string;
  event: string;
  data: string;
}

/** Takes a stream apart as it comes: whatever pieces it arrives in, events are whole. */
export class EventStreamParser {
  #rest = "";

  /** The events that end within this piece. */
  push(piece: string): StreamEvent[] {
    this.#rest += piece;
    const found: StreamEvent[] = [];
    // A lone CR at the very end may be the first half of CR LF.
    const parts = this.#rest.split(/\r\n\r\n|\n\n|\r\r(?!$)/);
    this.#rest = parts.pop() ?? "";
    for (const part of parts) {
      const event = parse(part);
      if (event) found.push(event);
    }
    return found;
  }
}

function parse(block: string): StreamEvent | null {
  const event: StreamEvent = { id: "", event: "message", data: "" };
  const data: string[] = [];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    else if (name === "id") event.id = value;
    else if (name === "event") event.event = value;
  }
  if (!data.length) return null;
  event.data = data.join("\n");
  return event;
}
