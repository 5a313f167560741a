"""What workflows remember, as the nodes see it."""

from services.store.engine import Database
from services.store.memory.buffers import StoredBuffers
from services.store.memory.documents import StoredDocuments
from services.store.memory.graphs import StoredGraphs
from services.store.memory.indexes import INDEXED_FROM, Indexes
from services.store.memory.values import StoredValues
from services.store.memory.vectors import StoredVectors
from services.store.memory.work import SWEEP_SECONDS, Work


class StoredMemory:
    """See `nodes.memory.store.Memory`; it keeps nothing that needs closing."""

    def __init__(
        self, database: Database, *, sweep_seconds: float = SWEEP_SECONDS, indexed_from: int = INDEXED_FROM
    ) -> None:
        work = Work(database, sweep_seconds)
        self.values = StoredValues(work)
        self.buffers = StoredBuffers(work)
        self.graphs = StoredGraphs(work)
        self.vectors = StoredVectors(work, Indexes(database, indexed_from))
        self.documents = StoredDocuments(work)
