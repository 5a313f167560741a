"""Chooses the ids of spans."""

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from services.observability.spans import CHOSEN


class RunIds(RandomIdGenerator):
    """Random ids, but for a run's span that which everybody expects."""

    def generate_span_id(self) -> int:
        """The next span's id."""
        return CHOSEN.get() or super().generate_span_id()
