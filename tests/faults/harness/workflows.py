"""The workflows of the load. Each effect's name says which run, which step and which item it is of."""

from dataclasses import dataclass
from typing import Any

from tests.graphs import Json, flow, javascript, node, sets, transforms, trigger, workflow

_PATIENT = {"max_attempts": 60, "initial_interval": "0.2s", "backoff": 1.5, "max_interval": "2s"}
_DEEP = 60
_WIDE = 24


@dataclass(frozen=True)
class Scenario:
    """A workflow, its input for a tag, how it may end, and the effects of a run that completes."""

    name: str
    definition: Json
    orders: int = 1
    ends: tuple[str, ...] = ("COMPLETED",)
    effects: tuple[str, ...] = ()
    steered: str = ""
    unkeyed: bool = False
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
    return [*_plain(url, child_id), *_steered(url), *_poison(), _credential(url, credential_id)]


def child(url: str) -> Json:
    """What `parent` calls."""
    return workflow("child", [trigger("Called", "SUBWORKFLOW"), post("Ship", url)], "Called -> Ship")


def probe() -> Json:
    """The trivial job."""
    return workflow("probe", [trigger(), sets("Answer", well=True)], "Start -> Answer")


def redefined(url: str, mark: int) -> Json:
    """A workflow that is changed while it runs: what it emits says of which version it is."""
    nodes = [trigger(), flow("Wait", "WAIT", mode="duration", duration="1s"), post("Do", url), sets("Mark", mark=mark)]
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
    waits = [trigger(), flow("Wait", "WAIT", mode="duration", duration="2s"), post("Do", url)]
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
        Scenario(
            "unkeyed", workflow("unkeyed", [trigger(), post("Do", url, "unkeyed")], "Start -> Do"), 2, unkeyed=True
        ),
    ]


def _steered(url: str) -> list[Scenario]:
    loop = flow("Loop", "LOOP", mode="items")
    ask = node("Ask", "HUMAN_IN_THE_LOOP_NODE", "APP", {"message": "Ship?"})
    asks = workflow("asks", [trigger(), ask, post("Do", url)], "Start -> Ask", "Ask.approved -> Do")
    return [
        Scenario("asks", asks, steered="answer"),
        _around("cancel", loop, url, 8, ends=("CANCELED", "COMPLETED"), steered="cancel"),
        _around("pause", loop, url, 5, steered="pause"),
    ]


def _poison() -> list[Scenario]:
    kills = node(
        "Kill",
        "ACTION_NODE",
        "RUN_CODE",
        {"language": "python", "code": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\nreturn items"},
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
        Scenario("kills_sandbox", workflow("kills_sandbox", [trigger(), kills], "Start -> Kill"), ends=ends),
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
