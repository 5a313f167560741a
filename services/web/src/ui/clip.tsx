import { useState } from "react";
import { clip } from "../text/format";

/** A text that may be long: cut, with all of it on request or on hover. */
export function Clip({ text, length = 80 }: { text: string; length?: number }) {
  const short = clip(text, length);
  return (
    <bdi className="clip" {...(short === text ? {} : { title: text })}>
      {short}
    </bdi>
  );
}

/** A paragraph or more as somebody wrote it; a long one unfolds. */
export function LongText({ text, length = 1200 }: { text: string; length?: number }) {
  const [whole, setWhole] = useState(false);
  const short = clip(text, length);
  return (
    <div className="long-text" dir="auto">
      {whole ? text : short}
      {short === text ? null : (
        <button type="button" className="link" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? "Show less" : "Show all"}
        </button>
      )}
    </div>
  );
}
