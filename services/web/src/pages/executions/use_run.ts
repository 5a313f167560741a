import { useEffect, useState } from "react";
import type { ApiError } from "../../api/errors";
import { RunTally } from "../../api/run_state";
import type { RunState } from "../../api/run_state";
import { watchExecution } from "../../api/watch";
import type { Connection } from "../../api/watch";

export interface Watched {
  run: RunState;
  connection: Connection;
  error: ApiError | null;
}

const NOTHING: RunState = { execution: {}, nodes: new Map(), sequence: 0 };

/** A run as it goes on. Events of one moment are shown together, so that a thousand of them are one drawing. */
export function useRun(executionId: string): Watched {
  const [watched, setWatched] = useState<Watched>({ run: NOTHING, connection: "connecting", error: null });
  useEffect(() => {
    const tally = new RunTally();
    let run = NOTHING;
    let frame = 0;
    const show = () => {
      frame = 0;
      setWatched((former) => ({ ...former, run }));
    };
    const stop = watchExecution(executionId, {
      onEvents: (events) => {
        run = tally.add(events);
        frame ||= requestAnimationFrame(show);
      },
      onConnection: (connection, error = undefined) => setWatched((former) => ({ ...former, connection, error: error ?? null })),
    });
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [executionId]);
  return watched;
}
