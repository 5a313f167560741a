"""Short ways to write the workflows that tests run."""

from typing import Any

Json = dict[str, Any]


def node(name: str, type_: str, subtype: str, parameters: Json | None = None, **fields: Any) -> Json:
    """One node; its id is its name."""
    return {"id": name, "name": name, "type": type_, "subtype": subtype, "parameters": parameters or {}, **fields}


def trigger(name: str = "Start", subtype: str = "MANUAL", **fields: Any) -> Json:
    """A trigger."""
    return node(name, "TRIGGER_NODE", subtype, **fields)


def sets(name: str, **fields: Any) -> Json:
    """A pure node that sets fields and keeps the others."""
    parameters = {"operation": "set", "fields": fields, "keep_others": True}
    return node(name, "ACTION_NODE", "DATA_TRANSFORMATION", parameters)


def transforms(name: str, operation: str, **parameters: Any) -> Json:
    """A DATA_TRANSFORMATION."""
    return node(name, "ACTION_NODE", "DATA_TRANSFORMATION", {"operation": operation, **parameters})


def javascript(name: str, code: str, **fields: Any) -> Json:
    """An effectful node: JavaScript over all items."""
    return node(name, "ACTION_NODE", "RUN_CODE", {"language": "javascript", "code": code}, **fields)


def flow(name: str, subtype: str, **parameters: Any) -> Json:
    """A FLOW_NODE."""
    return node(name, "FLOW_NODE", subtype, parameters)


def workflow(name: str, nodes: list[Json], *edges: str, **settings: Any) -> Json:
    """A workflow; an edge is written `A -> B`, `A.true -> B` or `A -> B.1` (the output and input ports).

    `A -ai_tool-> B` is an AI connection, written at A.
    """
    names = {one["name"] for one in nodes}
    connections: Json = {}
    for edge in edges:
        source, target = (end.strip() for end in edge.split("->"))
        if " -" in source:
            source, _, type_ = source.rpartition(" -")
            types = connections.setdefault(source, {"connection_types": {}})["connection_types"]
            arrows = types.setdefault(type_, {"connections": []})["connections"]
            arrows.append({"node": target, "type": type_.upper()})
            continue
        source, output = _port(source, names)
        target, index = _port(target, names)
        arrow: Json = {"node": target, "type": "MAIN", "index": int(index or 0)}
        if output:
            arrow["output"] = output
        types = connections.setdefault(source, {"connection_types": {}})["connection_types"]
        types.setdefault("main", {"connections": []})["connections"].append(arrow)
    made: Json = {"name": name, "nodes": nodes, "connections": {"connections": connections}}
    return {**made, "settings": settings} if settings else made


def _port(end: str, names: set[str]) -> tuple[str, str]:
    if end in names:
        return end, ""
    name, _, port = end.rpartition(".")
    return name, port
