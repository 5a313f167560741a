"""What workflows remember: values, conversations, statements, vectors, documents."""

from nodes.memory.buffer import Buffer
from nodes.memory.document_storage import DocumentStorage
from nodes.memory.embeddings import Embeddings
from nodes.memory.knowledge_graph import KnowledgeGraph
from nodes.memory.simple_storage import SimpleStorage
from nodes.memory.vector_store import VectorStore

EXECUTORS = (SimpleStorage, Buffer, KnowledgeGraph, VectorStore, DocumentStorage, Embeddings)
