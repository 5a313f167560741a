"""The table of what polling triggers know."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from services.store.tables import Base


class PollingRow(Base):
    """How far a trigger has polled; a node's binding is the same in every version.

    `source` is what is polled, `state` the JSON of what is known of it.
    """

    __tablename__ = "polling_states"

    binding_id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    state: Mapped[str | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    retry_at: Mapped[datetime | None]
