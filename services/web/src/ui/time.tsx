import { useSyncExternalStore } from "react";
import { ago, dateTime, duration } from "../text/format";

const subscribe = (changed: () => void) => {
  const timer = setInterval(changed, 1000);
  return () => clearInterval(timer);
};
const still = () => () => undefined;
const nowInSeconds = () => Math.floor(Date.now() / 1000);

/** The time, ticking; where nothing moves it costs nothing. */
export function useNow(ticking = true): number {
  return useSyncExternalStore(ticking ? subscribe : still, nowInSeconds) * 1000;
}

/** "3 minutes ago", with the exact time on hover and for machines. */
export function Ago({ time }: { time: string | undefined }) {
  const now = useNow(time !== undefined);
  if (!time) return <span className="quiet">–</span>;
  return (
    <time dateTime={time} title={dateTime(time)}>
      {ago(time, now)}
    </time>
  );
}

/** How long something took, or has taken so far. */
export function Took({ start, end, ticking = true }: { start: string | undefined; end: string | undefined; ticking?: boolean }) {
  const runs = ticking && !end && start !== undefined;
  const now = useNow(runs);
  if (!start || (!end && !ticking)) return <span className="quiet">–</span>;
  return <span className="number">{duration(start, end, runs ? Math.max(now, Date.parse(start)) : undefined)}</span>;
}
