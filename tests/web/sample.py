"""What a firm's server might hold: an order workflow of 25 nodes with a loop, an agent and a person, and its runs."""

import json
from typing import Any

from tests.graphs import flow, node, sets, trigger, workflow
from tests.web.stand_in import Json, StandIn

AGO = "2026-11-26T08:{:02}:00Z"
# Markup, an expression, a text that runs backwards, one picture of many characters, a name without end.
HOSTILE = (
    "<img src=x onerror=\"document.title='hacked'\"> {{7*7}} \u202e\u05e9\u05dc\u05d5\u05dd "
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 " + "very-long-name-" * 12
)


def orders() -> Json:
    """The workflow."""
    mail = {"fields": [{"name": "customer", "type": "text", "required": True}]}
    nodes = [
        node("Order form", "TRIGGER_NODE", "FORM", form()),
        trigger("Shop webhook", "WEBHOOK"),
        sets("Normalise", source="shop"),
        node("Validate address", "ACTION_NODE", "HTTP_REQUEST"),
        flow("Address known?", "IF"),
        node("Ask geocoder", "EXTERNAL_ACTION_NODE", "API_CALL"),
        flow("Both addresses", "MERGE"),
        node("Load customer", "MEMORY_NODE", "KNOWLEDGE_GRAPH"),
        flow("Each line", "LOOP"),
        node("Reserve stock", "ACTION_NODE", "HTTP_REQUEST"),
        sets("Price line", net=1),
        sets("Total", total=2),
        node("Assess risk", "AI_AGENT_NODE", "TASK_ANALYZER"),
        node("Claude", "AI_AGENT_NODE", "LANGUAGE_MODEL"),
        node("Order history", "MEMORY_NODE", "VECTOR_STORE"),
        node("Credit bureau", "TOOL_NODE", "HTTP"),
        flow("Risk?", "SWITCH"),
        node("Approve order", "HUMAN_IN_THE_LOOP_NODE", "APP"),
        flow("Approved?", "IF"),
        node("Charge card", "ACTION_NODE", "HTTP_REQUEST"),
        node("Create shipment", "ACTION_NODE", "HTTP_REQUEST"),
        node("Invoice", "FLOW_NODE", "SUBWORKFLOW"),
        node("Tell warehouse", "EXTERNAL_ACTION_NODE", "SLACK"),
        node("Thank customer", "EXTERNAL_ACTION_NODE", "EMAIL", mail),
        node("Cancel order", "EXTERNAL_ACTION_NODE", "EMAIL"),
    ]
    made = workflow(
        "Order to shipment",
        nodes,
        "Order form -> Normalise",
        "Shop webhook -> Normalise",
        "Normalise -> Validate address",
        "Validate address -> Address known?",
        "Address known?.true -> Both addresses",
        "Address known?.false -> Ask geocoder",
        "Ask geocoder -> Both addresses.1",
        "Both addresses -> Load customer",
        "Load customer -> Each line",
        "Each line.body -> Reserve stock",
        "Reserve stock -> Price line",
        "Price line -> Each line",
        "Each line.done -> Total",
        "Total -> Assess risk",
        "Assess risk -ai_language_model-> Claude",
        "Assess risk -ai_tool-> Credit bureau",
        "Assess risk -ai_memory-> Order history",
        "Assess risk -> Risk?",
        "Risk?.low -> Charge card",
        "Risk?.high -> Approve order",
        "Approve order -> Approved?",
        "Approved?.true -> Charge card",
        "Approved?.false -> Cancel order",
        "Charge card -> Create shipment",
        "Charge card -> Invoice",
        "Create shipment -> Tell warehouse",
        "Create shipment -> Thank customer",
    )
    return {**made, "id": "orders", "version": 7, "updatedAt": AGO.format(5), "tags": ["shop", "production"]}


def form() -> Json:
    """The parameters of its form."""
    return {
        "description": "A new order, as the sales team takes it on the telephone.",
        "fields": [
            {"name": "customer", "label": "Customer", "type": "text", "required": True},
            {"name": "email", "label": "E-mail", "type": "email", "required": True},
            {"name": "quantity", "label": "Quantity", "type": "integer", "required": True, "default": 1},
            {"name": "express", "label": "Express delivery", "type": "boolean"},
            {"name": "country", "label": "Country", "type": "select", "options": ["Austria", "Germany", "Italy"]},
            {"name": "notes", "label": "Notes", "type": "textarea"},
        ],
    }


def events() -> list[Json]:
    """A run that waits for a person, after a loop of 12 lines of which one was tried thrice."""
    made: list[Json] = []

    def happened(type_: str, **fields: Any) -> None:
        made.append({"sequence": str(len(made) + 1), "type": type_, "at": AGO.format(1), **fields})

    def done(name: str, index: int = 0, status: str = "NODE_COMPLETED", **fields: Any) -> None:
        run = {"node": name, "runIndex": index, "status": status, "attempt": 1, "startedAt": AGO.format(1), **fields}
        if status not in ("NODE_WAITING", "NODE_RUNNING"):
            run["finishedAt"] = AGO.format(2)
        happened("NODE_WAITS" if status == "NODE_WAITING" else "NODE_FINISHED", nodeRun=run)

    happened("EXECUTION_STARTED", execution=waiting())
    for name in ("Order form", "Normalise", "Validate address", "Address known?", "Both addresses", "Load customer"):
        done(name)
    for index in range(12):
        done("Reserve stock", index, attempt=3 if index == 4 else 1)
        done("Price line", index)
    for name in ("Each line", "Total"):
        done(name)
    done("Claude", -1, parent="Assess risk")
    done("Credit bureau", -1, "NODE_FAILED", parent="Assess risk")
    done("Claude", -2, parent="Assess risk")
    done("Assess risk")
    done("Risk?")
    done("Approve order", status="NODE_WAITING")
    return made


def waiting() -> Json:
    """The run that waits."""
    return _execution("run-waiting", "RUNNING", started=1)


def failed() -> Json:
    """One that failed."""
    error = {
        "code": "HTTP_STATUS",
        "node": "Charge card",
        "message": "POST https://api.payments.example/v1/charges answered 402: the card was declined "
        "(insufficient_funds).",
        "hint": "ask the customer for another card, then retry from this node",
        "attempt": 3,
    }
    return {**_execution("run-failed", "FAILED", started=3, finished=4), "error": error, "mode": "RETRY"}


def failed_runs() -> list[Json]:
    """What the failed node did."""
    items = json.dumps([{"json": {"order": 12345678901234567890, "customer": HOSTILE, "lines": list(range(500))}}])
    attempts = [
        {"attempt": n, "failedAt": AGO.format(3), "error": {"code": "TIMEOUT", "message": "no answer within 10 s"}}
        for n in (1, 2)
    ]
    return [
        {
            "node": "Charge card",
            "status": "NODE_FAILED",
            "attempt": 3,
            "startedAt": AGO.format(3),
            "finishedAt": AGO.format(4),
            "inputs": [{"port": "0", "count": 1, "sizeBytes": str(len(items)), "itemsJson": items}],
            "outputs": [],
            "error": failed()["error"],
            "failedAttempts": attempts,
            "logs": ["charging 129.90 EUR", "declined: insufficient_funds"],
        }
    ]


def task() -> Json:
    """What the waiting run asks."""
    return {
        "taskId": "task-1",
        "executionId": "run-waiting",
        "node": "Approve order",
        "status": "TASK_OPEN",
        "title": "Order 4711 of Rossi S.p.A. is risky: approve it?",
        "message": "The credit bureau didn't answer, and the order is ten times as large as usual.\n\nPlease call the "
        "customer before you approve.",
        "subjectJson": json.dumps({"order": 4711, "total": "12,990.00 EUR", "risk": 0.83, "lines": [{"sku": "A-1"}]}),
        "options": ["approve", "reject"],
        "assignees": ["finance@example.com"],
        "createdAt": AGO.format(2),
        "deadline": "2026-12-24T12:00:00Z",
        "workflowId": "orders",
        "workflowName": "Order to shipment",
        "channel": "APP",
        "fields": [
            {"name": "limit", "label": "New credit limit", "type": "number", "required": True, "defaultJson": "5000"},
            {"name": "reason", "label": "Reason", "type": "textarea"},
        ],
        "events": [
            {"at": AGO.format(2), "kind": "asked", "by": "Approve order"},
            {"at": AGO.format(2), "kind": "delivered", "channel": "APP"},
            {"at": AGO.format(3), "kind": "commented", "by": "ada@example.com", "text": HOSTILE},
        ],
    }


def stock(stand_in: StandIn) -> None:
    """Fills a server with all that."""
    runs = [waiting(), failed()]
    runs += [_execution(f"run-{n}", "COMPLETED", started=n + 5, finished=n + 6) for n in range(9)]
    runs.append({**_execution("run-x", "CANCELED", started=2, finished=2), "workflowName": HOSTILE})
    summary = {
        "id": "orders", "name": "Order to shipment", "description": "From the order to the parcel.", "version": 7,
        "nodeCount": 25, "activeVersion": 7, "tags": ["shop", "production"], "updatedAt": AGO.format(5),
    }  # fmt: skip
    by_id = {run["executionId"]: run for run in runs}
    stand_in.events = {"run-waiting": events(), "run-failed": _failed_events()}
    stand_in.answers = {
        "ListExecutions": {"executions": runs, "nextPageToken": "more"},
        "GetExecution": lambda asked: {"execution": by_id[asked["executionId"]]},
        "GetExecutionHistory": lambda asked: {
            "nodeRuns": [run for run in failed_runs() if run["node"] == asked["node"]] or _runs_of(asked["node"])
        },
        "ListWorkflows": {
            "workflows": [
                summary,
                {"id": "digest", "name": "Weekly digest", "version": 3, "nodeCount": 6, "updatedAt": AGO.format(1)},
                {"id": "hostile", "name": HOSTILE, "version": 2, "nodeCount": 3, "activeVersion": 1, "tags": [HOSTILE]},
            ]
        },
        "GetWorkflow": lambda asked: {"workflow": _version(asked.get("version", 0))},
        "ListWorkflowVersions": {
            "versions": [{"version": n, "nodeCount": 25, "createdAt": AGO.format(n)} for n in range(7, 0, -1)]
        },
        "ValidateWorkflow": {
            "valid": True,
            "problems": [
                {
                    "code": "UNUSED_NODE",
                    "node": "Cancel order",
                    "message": "nothing reads what it sends",
                    "severity": "WARNING",
                }
            ],
        },
        "GetActivation": {"activation": _activation()},
        "ListHumanTasks": {"tasks": [task(), {**task(), "taskId": "task-2", "title": HOSTILE}]},
        "GetHumanTask": {"task": task()},
        "ListIntegrations": {"integrations": _integrations()},
        "TestIntegration": {"ok": False, "message": "the service refused the key.", "hint": "make a new one."},
        "ListCredentialTypes": {"types": [_bearer()]},
        "ListMembers": {
            "members": [
                {"user": {"id": "u1", "name": "Ada Lovelace", "email": "ada@example.com"}, "role": "OWNER"},
                {"user": {"id": "u2", "name": "Grace Hopper", "email": "grace@example.com"}, "role": "APPROVER"},
            ]
        },
        "ListApiKeys": {"apiKeys": [{"id": "k1", "name": "CI", "prefix": "ok_3fA9", "role": "OPERATOR"}]},
        "ListAuditEvents": {"events": [_audit(n) for n in range(5)]},
    }


def _execution(id_: str, status: str, *, started: int, finished: int | None = None) -> Json:
    found = {
        "executionId": id_,
        "workflowId": "orders",
        "workflowName": "Order to shipment",
        "version": 7,
        "mode": "TRIGGER",
        "status": status,
        "startedAt": AGO.format(started),
    }
    return found | ({"finishedAt": AGO.format(finished)} if finished is not None else {})


def _failed_events() -> list[Json]:
    made = [event for event in events() if event.get("nodeRun", {}).get("node") != "Approve order"]
    broken = {key: value for key, value in failed_runs()[0].items() if key not in ("inputs", "outputs")}
    made[0] = {**made[0], "execution": {**failed(), "status": "RUNNING"}}
    made.append({"sequence": "901", "type": "NODE_FINISHED", "nodeRun": broken})
    made.append({"sequence": "902", "type": "EXECUTION_FINISHED", "execution": failed()})
    return made


def _runs_of(name: str) -> list[Json]:
    runs = [event["nodeRun"] for event in events() if event.get("nodeRun", {}).get("node") == name]
    items = json.dumps([{"json": {"sku": "A-1", "quantity": 3, "price": 43.30, "note": None, "in_stock": True}}])
    port = {"port": "main", "count": 1, "sizeBytes": "88", "itemsJson": items}
    return [{**run, "inputs": [{**port, "port": "0"}], "outputs": [port]} for run in runs]


def _version(version: int) -> Json:
    made = orders()
    if version and version < 7:
        made["nodes"] = [one for one in made["nodes"] if one["name"] != "Invoice"]
        made["nodes"][3]["parameters"] = {"url": "http://old.example", "timeout": 10}
        made["connections"]["connections"]["Charge card"]["connection_types"]["main"]["connections"].pop()
        made["version"] = version
    return made


def _activation() -> Json:
    return {
        "workflowId": "orders",
        "version": 7,
        "activatedBy": "ada@example.com",
        "activatedAt": AGO.format(5),
        "triggers": [
            {"node": "Order form", "subtype": "FORM", "urls": ["https://flows.example.com/form/orders"]},
            {
                "node": "Shop webhook",
                "subtype": "WEBHOOK",
                "urls": ["https://flows.example.com/webhook/shop/orders"],
                "methods": ["POST"],
                "lastStartedAt": AGO.format(1),
                "lastExecutionId": "run-waiting",
            },
            {
                "node": "Nightly",
                "subtype": "CRON",
                "nextTimes": ["2026-11-27T02:00:00Z", "2026-11-28T02:00:00Z"],
                "problem": "the last run failed; look at it",
            },
        ],
    }


def _integrations() -> list[Json]:
    return [
        {"id": "c1", "name": "Payments, live", "type": "bearer", "hosts": ["api.payments.example"]},
        {"id": "c2", "name": "Calendar", "type": "google_oauth2", "authorization": "AUTHORIZATION_NEEDED"},
        {"id": "c3", "name": HOSTILE, "type": "smtp", "hosts": [HOSTILE]},
    ]


def _bearer() -> Json:
    schema = {
        "properties": {"token": {"type": "string", "title": "Token", "writeOnly": True, "x-order": 0}},
        "required": ["token"],
    }
    return {"name": "bearer", "title": "Bearer token", "fieldsSchemaJson": json.dumps(schema)}


def _audit(number: int) -> Json:
    return {
        "id": f"a{number}",
        "at": AGO.format(number),
        "actor": "ada@example.com",
        "action": "workflow.update",
        "objectType": "workflow",
        "objectId": "orders",
        "address": "192.0.2.7",
        "via": "web",
        "afterJson": json.dumps({"version": number}),
    }
