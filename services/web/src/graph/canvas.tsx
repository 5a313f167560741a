import { BaseEdge, Controls, EdgeLabelRenderer, Handle, Position, ReactFlow } from "@xyflow/react";
import type { ReactFlowInstance } from "@xyflow/react";
import type { Edge, EdgeProps, Node as FlowNode, NodeChange, NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { memo, useMemo, useRef } from "react";
import type { NodeState } from "../api/run_state";
import { clip } from "../text/format";
import { NodeIcon, StatusIcon } from "../ui/icons";
import { NODE_STATUS } from "../ui/status";
import { NODE_HEIGHT, NODE_WIDTH, place } from "./layout";
import type { Placed, Point } from "./layout";
import type { Graph, GraphNode } from "./model";
import "../styles/graph.css";

export interface GraphProps {
  graph: Graph;
  /** What a screen reader calls the picture. */
  label: string;
  states?: ReadonlyMap<string, NodeState> | undefined;
  selected?: string | undefined;
  onSelect?: ((node: string) => void) | undefined;
}

type StepData = { node: GraphNode; state: NodeState | undefined; watched: boolean };
type Step = FlowNode<StepData, "step">;
type Arrow = Edge<{ path: string; label: string; at: Point; equips: boolean }, "arrow">;

const nodeTypes = { step: memo(StepNode) };
const edgeTypes = { arrow: memo(ArrowEdge) };
const SIZE = { width: NODE_WIDTH, height: NODE_HEIGHT };
// Below it nobody can read a node's name: then the picture begins where something happens, not with all of it.
const READABLE = 0.62;
const MARGIN = 60;
const PADDING = 20;

/** Draws a graph; it knows nothing of pages, runs or versions. */
export default function Canvas({ graph, label, states, selected, onSelect }: GraphProps) {
  const placed = useMemo(() => place(graph), [graph]);
  const nodes = useMemo<Step[]>(
    () =>
      graph.nodes.map((node) => {
        const state = states?.get(node.name);
        return {
          id: node.name,
          type: "step",
          position: placed.positions.get(node.name) ?? { x: 0, y: 0 },
          ...SIZE,
          initialWidth: NODE_WIDTH,
          initialHeight: NODE_HEIGHT,
          data: { node, state, watched: states !== undefined },
          selected: node.name === selected,
          ariaRole: "button",
          ariaLabel: describe(node, state, states !== undefined),
          domAttributes: { "aria-roledescription": "node", "aria-pressed": node.name === selected },
        };
      }),
    [graph, placed, states, selected],
  );
  const edges = useMemo<Arrow[]>(
    () =>
      graph.edges.flatMap((edge) => {
        const found = placed.paths.get(edge.id);
        if (!found) return [];
        const taken = states?.has(edge.source) && states.has(edge.target) && states.get(edge.target)?.status !== "NODE_SKIPPED";
        return {
          id: edge.id,
          source: edge.source,
          target: edge.target,
          type: "arrow",
          focusable: false,
          className: [edge.equips ? "equips" : "", states && !taken ? "untaken" : ""].join(" "),
          data: { path: found.path, label: edge.label, at: found.label, equips: edge.equips },
        };
      }),
    [graph, placed, states],
  );
  const onNodesChange = (changes: NodeChange<Step>[]) => {
    for (const change of changes) if (change.type === "select" && change.selected) onSelect?.(change.id);
  };
  const box = useRef<HTMLElement>(null);
  return (
    <section className="canvas" aria-label={label} ref={box} style={{ height: `clamp(17rem, ${Math.round(placed.height + MARGIN * 2)}px, 62vh)` }}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        onNodesChange={onNodesChange}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable={onSelect !== undefined}
        nodesFocusable={onSelect !== undefined}
        edgesFocusable={false}
        deleteKeyCode={null}
        selectionKeyCode={null}
        multiSelectionKeyCode={null}
        // The page scrolls with the wheel; the graph zooms with it where Ctrl is held, as in other pages.
        zoomOnScroll={false}
        preventScrolling={false}
        minZoom={0.15}
        maxZoom={1.6}
        onInit={(flow) => begin(flow, box.current, placed, first(graph, states, selected))}
        proOptions={{ hideAttribution: true }}
        ariaLabelConfig={{ "node.a11yDescription.default": "Press Enter to show what it did.", "controls.ariaLabel": "Zoom" }}
      >
        <svg aria-hidden="true" className="markers">
          <defs>
            <marker id="arrowhead" viewBox="0 0 10 10" refX="8.5" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
              <path d="M1,1.5 L8.5,5 L1,8.5" />
            </marker>
          </defs>
        </svg>
        <Controls showInteractive={false} position="bottom-right" />
      </ReactFlow>
    </section>
  );
}

/** What is looked at first: what was chosen, has failed, waits or is going on; else the beginning. */
function first(graph: Graph, states: GraphProps["states"], selected: string | undefined): string {
  const found = (status: string) => graph.nodes.find((node) => states?.get(node.name)?.status === status)?.name;
  return selected || found("NODE_FAILED") || found("NODE_WAITING") || found("NODE_RUNNING") || (graph.nodes[0]?.name ?? "");
}

/** Shows all, where that can be read; otherwise a part, without showing emptiness beside it. */
function begin(flow: ReactFlowInstance<Step, Arrow>, box: HTMLElement | null, placed: Placed, node: string): void {
  if (!box) return;
  const { clientWidth: width, clientHeight: height } = box;
  const whole = Math.min(1, (width - PADDING * 2) / placed.width, (height - PADDING * 2) / placed.height);
  const zoom = whole < READABLE ? READABLE + 0.13 : whole;
  const middle = placed.positions.get(node) ?? { x: 0, y: 0 };
  void flow.setViewport({
    x: within(width / 2 - (middle.x + NODE_WIDTH / 2) * zoom, width, placed.width * zoom),
    y: within(height / 2 - (middle.y + NODE_HEIGHT / 2) * zoom, height, placed.height * zoom),
    zoom,
  });
}

/** Where a picture begins in a window: centred if it is smaller, else as wanted but without a gap at either end. */
function within(wanted: number, window: number, picture: number): number {
  if (picture + PADDING * 2 <= window) return (window - picture) / 2;
  return Math.min(PADDING, Math.max(wanted, window - picture - PADDING));
}

function describe(node: GraphNode, state: NodeState | undefined, watched: boolean): string {
  // What is seen comes first and in the order in which it is seen, so that speech control finds it.
  const parts = [clip(node.name, 60)];
  if (state) parts.push(NODE_STATUS[state.status].text);
  if (state && state.runs > 1) parts.push(`× ${state.runs.toLocaleString("en")}`);
  if (state && state.failed > 0 && state.status !== "NODE_FAILED") parts.push(`${state.failed} failed`);
  parts.push(node.subtype);
  if (node.disabled) parts.push("disabled");
  if (watched && !state) parts.push("not run");
  return parts.join(", ");
}

function StepNode({ data }: NodeProps<Step>) {
  const { node, state, watched } = data;
  const status = state ? NODE_STATUS[state.status] : null;
  const classes = ["step", status ? `tone-${status.tone}` : watched ? "tone-none" : "", node.disabled ? "disabled" : ""];
  return (
    <div className={classes.join(" ")}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <span className="step-icon">
        <NodeIcon type={node.type} />
      </span>
      <span className="step-text">
        <bdi className="step-name" title={node.name}>
          {clip(node.name, 60)}
        </bdi>{" "}
        <span className="step-kind">
          {status ? (
            <span className="step-status">
              <StatusIcon icon={status.icon} /> {status.text}
            </span>
          ) : (
            <span>{node.disabled ? `${node.subtype} · disabled` : node.subtype}</span>
          )}
          {state && state.runs > 1 ? <span className="step-runs">× {state.runs.toLocaleString("en")}</span> : null}
          {state && state.failed > 0 && state.status !== "NODE_FAILED" ? <span className="step-failed">{state.failed} failed</span> : null}
        </span>
      </span>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

function ArrowEdge({ data }: EdgeProps<Arrow>) {
  if (!data) return null;
  return (
    <>
      <BaseEdge path={data.path} {...(data.equips ? {} : { markerEnd: "url(#arrowhead)" })} />
      {data.label ? (
        <EdgeLabelRenderer>
          <span className="arrow-label" style={{ transform: `translate(-50%, -50%) translate(${data.at.x}px, ${data.at.y}px)` }}>
            {clip(data.label, 24)}
          </span>
        </EdgeLabelRenderer>
      ) : null}
    </>
  );
}
