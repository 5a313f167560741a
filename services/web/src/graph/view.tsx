import { lazy, Suspense, useState } from "react";
import { ErrorBoundary } from "../ui/boundary";
import { Tabs } from "../ui/tabs";
import { NodeTable } from "./table";
import type { GraphProps } from "./canvas";

const Canvas = lazy(() => import("./canvas"));
const NARROW = 640;

/** A graph as a picture, and as a list for those to whom a picture says nothing. */
export function GraphView(props: GraphProps) {
  const [view, setView] = useState(window.innerWidth < NARROW ? "list" : "graph");
  return (
    <Tabs
      compact
      label={props.label}
      chosen={view}
      onChoose={setView}
      tabs={[
        {
          id: "graph",
          title: "Graph",
          content: (
            <ErrorBoundary what="The graph">
              <Suspense fallback={<div className="canvas loading" role="status">Drawing the graph…</div>}>
                <Canvas {...props} />
              </Suspense>
            </ErrorBoundary>
          ),
        },
        { id: "list", title: "List", content: <NodeTable {...props} /> },
      ]}
    />
  );
}
