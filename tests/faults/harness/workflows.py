"""The workflows of the load. Each effect's name says which run, which step and which item it is of."""

from dataclasses import dataclass
from typing import Any

from tests.graphs import Json, flow, javascript, node, sets, transforms, trigger, workflow

_PATIENT = {"max_attempts": 60, "initial_interval": "0.2s", "backoff": 1.5, "max_interval": "2s"}
_DEEP = 60
_WIDE = 24
# The moments in the life of `cancel`: at once, and its events; `Charge.1` is that node's second run.
MOMENTS = (
    "",
    "EXECUTION_STARTED",
    "Start NODE_FINISHED",
    "Ask NODE_STARTED",
    "Ask NODE_WAITS",
    "Same NODE_STARTED",
    "Same NODE_FINISHED",
    "Loop NODE_STARTED",
    "Charge NODE_STARTED",
    "Charge NODE_FINISHED",
    "Charge.1 NODE_STARTED",
    "Charge.1 NODE_FINISHED",
    "Loop NODE_FINISHED",
    "Total NODE_FINISHED",
    "Wait NODE_STARTED",
    "Wait NODE_WAITS",
    "Wait NODE_FINISHED",
    "Call NODE_STARTED",
    "Call NODE_WAITS",
    "Call NODE_FINISHED",
    "After NODE_FINISHED",
)


@dataclass(frozen=True)
class Scenario:
    """A workflow, its input for a tag, how it may end, and the effects of a run that completes."""

    name: str
    definition: Json
    orders: int = 1
    ends: tuple[str, ...] = ("COMPLETED",)
    effects: tuple[str, ...] = ()
    steered: str = ""
    padding: int = 0

    def input(self, tag: str) -> list[Json]:
        """A run's items."""
        return [
            {"tag": tag, "order": n, **({"padding": "x" * self.padding} if self.padding else {})}
            for n in range(self.orders)
        ]

    def expected(self, tag: str) -> list[str]:
        """The names of the effects that a run must have had when it is COMPLETED."""
        return [f"{tag}/{step}/{n}" for step in self.effects for n in range(self.orders)]


def post(name: str, url: str, path: str = "do", step: str = "", **fields: Any) -> Json:
    """A node with an effect for each item."""
    body = {"effect": "{{ $json.tag }}/" + (step or name) + "/{{ $json.order }}"}
    parameters = {"method": "POST", "url": f"{url}/{path}", "body": body, "timeout": 5}
    return node(name, "ACTION_NODE", "HTTP_REQUEST", parameters, retry=_PATIENT, **fields)


def scenarios(url: str, child_id: str, credential_id: str) -> list[Scenario]:
    """All of them; `child` is stored before its caller."""
    return [*_plain(url, child_id), *_steered(url, child_id), *_poison(), _credential(url, credential_id)]


def child(url: str) -> Json:
    """What `parent` and `cancel` call."""
    nodes = [trigger("Called", "SUBWORKFLOW"), _wait("Rest", "1s"), post("Ship", url)]
    return workflow("child", nodes, "Called -> Rest", "Rest -> Ship")


def probe() -> Json:
    """The trivial job."""
    return workflow("probe", [trigger(), sets("Answer", well=True)], "Start -> Answer")


def redefined(url: str, mark: int) -> Json:
    """A workflow that is changed while it runs: what it emits says of which version it is."""
    nodes = [trigger(), _wait("Wait", "1s"), post("Do", url), sets("Mark", mark=mark)]
    return workflow("redefined", nodes, "Start -> Wait", "Wait -> Do", "Do -> Mark")


def hook(url: str) -> Json:
    """A workflow that a delivery starts."""
    parameters = {"path": "faults", "methods": ["POST"], "auth": "none", "dedupe_header": "X-Delivery"}
    take = transforms("Take", "set", fields={"tag": "{{ $json.body.tag }}", "order": 0})
    nodes = [trigger("Hook", "WEBHOOK", parameters=parameters), take, post("Do", url)]
    return workflow("hook", nodes, "Hook -> Take", "Take -> Do")


def _around(name: str, loop: Json, url: str, orders: int, **scenario: Any) -> Scenario:
    nodes = [trigger(), loop, post("Charge", url), transforms("Total", "aggregate", field="did", into="charged")]
    edges = ("Start -> Loop", "Loop.body -> Charge", "Charge -> Loop", "Loop.done -> Total")
    return Scenario(name, workflow(name, nodes, *edges), orders, effects=("Charge",), **scenario)


def _plain(url: str, child_id: str) -> list[Scenario]:
    call = flow("Call", "SUBWORKFLOW", workflow_id=child_id)
    waits = [trigger(), _wait("Wait", "2s"), post("Do", url)]
    chain = [f"N{n}" for n in range(_DEEP)]
    fan = [f"W{n}" for n in range(_WIDE)]
    return [
        _around("loop", flow("Loop", "LOOP", mode="items", batch_size=2), url, 6),
        _around("parallel", flow("Loop", "LOOP", mode="items", max_concurrency=3), url, 6),
        Scenario("items", workflow("items", [trigger(), post("Do", url)], "Start -> Do"), 4, effects=("Do",)),
        Scenario("retry", workflow("retry", [trigger(), post("Do", url, "flaky")], "Start -> Do"), effects=("Do",)),
        Scenario("wait", workflow("wait", waits, "Start -> Wait", "Wait -> Do"), effects=("Do",)),
        Scenario("parent", workflow("parent", [trigger(), call], "Start -> Call"), 2, effects=("Ship",)),
        Scenario(
            "deep",
            workflow(
                "deep",
                [trigger(), *(sets(name, n=n) for n, name in enumerate(chain))],
                *(f"{a} -> {b}" for a, b in zip(["Start", *chain], chain, strict=False)),
            ),
        ),
        Scenario(
            "wide",
            workflow(
                "wide",
                [trigger(), *(sets(name, n=n) for n, name in enumerate(fan)), flow("Join", "MERGE", inputs=_WIDE)],
                *(f"Start -> {name}" for name in fan),
                *(f"{name} -> Join.{n}" for n, name in enumerate(fan)),
            ),
        ),
        Scenario(
            "large",
            workflow(
                "large",
                [trigger(), javascript("Double", "return items.map(i => ({...i, more: i.padding}))"), post("Do", url)],
                "Start -> Double",
                "Double -> Do",
            ),
            ends=("COMPLETED", "FAILED"),
            padding=1_500_000,
        ),
        Scenario("unkeyed", workflow("unkeyed", [trigger(), post("Do", url, "unkeyed")], "Start -> Do"), 2),
    ]


def _steered(url: str, child_id: str) -> list[Scenario]:
    loop = flow("Loop", "LOOP", mode="items")
    asks = workflow("asks", [trigger(), _ask(), post("Do", url)], "Start -> Ask", "Ask.approved -> Do")
    return [
        Scenario("asks", asks, steered="answer"),
        Scenario("called", _called(url), steered="call"),
        Scenario("cancel", _every_kind(url, child_id), 2, ends=("CANCELED",), steered="cancel"),
        _around("pause", loop, url, 5, steered="pause"),
    ]


def _called(url: str) -> Json:
    """Waits for a call; what it does then says which."""
    nodes = [
        trigger(),
        sets("Tell", address="{{ $execution.resumeUrl }}"),
        flow("Wait", "WAIT", mode="webhook", timeout="30s"),
        transforms(
            "Take", "set", fields={"tag": "{{ ($json.body ?? $json).tag }}", "order": "{{ $json.body?.call ?? 0 }}"}
        ),
        post("Do", url),
    ]
    return workflow("called", nodes, "Start -> Tell", "Tell -> Wait", "Wait -> Take", "Take -> Do")


def _every_kind(url: str, child_id: str) -> Json:
    """Something of each kind, and a question that nobody answers: it can't complete."""
    nodes = [
        trigger(),
        _ask(),
        post("Late", url),
        javascript("Same", "return items"),
        flow("Loop", "LOOP", mode="items"),
        post("Charge", url),
        transforms("Total", "aggregate", field="did", into="charged"),
        _wait("Wait", "1s"),
        flow("Call", "SUBWORKFLOW", workflow_id=child_id),
        sets("After", called=True),
    ]
    asked = ("Start -> Ask", "Ask.approved -> Late")
    looped = ("Start -> Same", "Same -> Loop", "Loop.body -> Charge", "Charge -> Loop", "Loop.done -> Total")
    called = ("Start -> Wait", "Wait -> Call", "Call -> After")
    return workflow("cancel", nodes, *asked, *looped, *called)


def _ask() -> Json:
    return node("Ask", "HUMAN_IN_THE_LOOP_NODE", "APP", {"message": "Ship?"})


def _wait(name: str, duration: str) -> Json:
    return flow(name, "WAIT", mode="duration", duration=duration)


def _poison() -> list[Scenario]:
    hoards = node(
        "Hoard",
        "ACTION_NODE",
        "RUN_CODE",
        {"language": "python", "code": "hoard = []\nwhile True:\n    hoard.append('x' * 1000000)"},
    )
    looks = node(
        "Look",
        "ACTION_NODE",
        "RUN_CODE",
        {"language": "python", "code": "import os\nreturn [{'seen': str(dict(os.environ))}]"},
    )
    spins = javascript("Spin", "while (true) {}")
    spins["parameters"]["timeout"] = 1
    huge = javascript("Huge", "return [{a: 'x'.repeat(70 * 1024 * 1024)}]")
    ends = ("FAILED",)
    return [
        Scenario("hoards", workflow("hoards", [trigger(), hoards], "Start -> Hoard"), ends=ends),
        Scenario("spins", workflow("spins", [trigger(), spins], "Start -> Spin"), ends=ends),
        Scenario("oversized", workflow("oversized", [trigger(), huge], "Start -> Huge"), ends=ends),
        Scenario(
            "bomb",
            workflow("bomb", [trigger(), sets("Bomb", b="{{ 'x'.repeat(1e9).repeat(1e3).length }}")], "Start -> Bomb"),
            ends=ends,
        ),
        Scenario(
            "looks_around", workflow("looks_around", [trigger(), looks], "Start -> Look"), ends=("COMPLETED", "FAILED")
        ),
    ]


def _credential(url: str, credential_id: str) -> Scenario:
    do = post("Do", url, "open", credentials={"auth": credential_id})
    return Scenario("credential", workflow("credential", [trigger(), do], "Start -> Do"), effects=("Do",))
