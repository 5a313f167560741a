"""What a client was promised of one run."""

from dataclasses import dataclass, field


@dataclass
class Ticket:
    """A request, and what must come of it if it was acknowledged."""

    tag: str
    scenario: str
    ends: tuple[str, ...]
    effects: list[str] = field(default_factory=list)
    # Every execution id that an answer to this request named: there must be one.
    execution_ids: set[str] = field(default_factory=set)
    # The version that it must run, where that may change under it.
    marks: int | None = None
    # What was asked of the run and acknowledged: how it was cancelled, paused, resumed.
    steps: list[str] = field(default_factory=list)
    # Of several answers or calls, those that were acknowledged: there must be at most one.
    accepted: set[str] = field(default_factory=set)

    @property
    def acknowledged(self) -> bool:
        """Whether anybody said that it is taken on."""
        return bool(self.execution_ids)
