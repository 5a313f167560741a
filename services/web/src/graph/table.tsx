import { duration } from "../text/format";
import { NodeIcon } from "../ui/icons";
import { NodeStatusBadge } from "../ui/status";
import { Clip } from "../ui/clip";
import type { GraphProps } from "./canvas";
import type { Graph, GraphNode } from "./model";

/** The same as the picture, as a table: each node with where it leads. */
export function NodeTable({ graph, label, states, selected, onSelect }: GraphProps) {
  return (
    <div className="table-scroll">
      <table className="cards">
        <caption className="sr-only">{label}</caption>
        <thead>
          <tr>
            <th scope="col">Node</th>
            {states ? <th scope="col">Status</th> : <th scope="col">Type</th>}
            {states ? <th scope="col" className="number">Runs</th> : null}
            {states ? <th scope="col" className="number">Took</th> : null}
            <th scope="col">Leads to</th>
          </tr>
        </thead>
        <tbody>
          {graph.nodes.map((node) => {
            const state = states?.get(node.name);
            return (
              <tr key={node.name} className={node.name === selected ? "selected" : ""}>
                <th scope="row">
                  <NodeName node={node} selected={node.name === selected} onSelect={onSelect} />
                </th>
                <td>{states ? state ? <NodeStatusBadge status={state.status} /> : <span className="quiet">Not run</span> : node.subtype}</td>
                {states ? <td className="number">{state && state.runs > 1 ? `× ${state.runs.toLocaleString("en")}` : ""}</td> : null}
                {states ? <td className="number">{state ? duration(state.startedAt, state.finishedAt) : ""}</td> : null}
                <td className="quiet">{targets(graph, node)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function NodeName({ node, selected, onSelect }: { node: GraphNode; selected: boolean; onSelect: GraphProps["onSelect"] }) {
  const name = (
    <>
      <NodeIcon type={node.type} /> <Clip text={node.name} length={60} />
    </>
  );
  if (!onSelect) return <span className="with-icon">{name}</span>;
  return (
    <button type="button" className="link with-icon" aria-pressed={selected} onClick={() => onSelect(node.name)}>
      {name}
    </button>
  );
}

function targets(graph: Graph, node: GraphNode): string {
  const found = graph.edges.filter((edge) => edge.source === node.name);
  if (node.owner) return `equips ${node.owner}`;
  return found.filter((edge) => !edge.equips).map((edge) => (edge.label ? `${edge.target} (${edge.label})` : edge.target)).join(", ");
}
