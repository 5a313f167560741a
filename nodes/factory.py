"""The catalogue of every step there is: our own families, and what third parties bring."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from nodes import action, ai_agent, external_action, flow, human, memory, tool, trigger
from nodes.base import BaseNodeExecutor, NodeExecutor
from nodes.credentials.credential import CredentialType
from nodes.parameters import check
from orchestrator.errors import Problem
from orchestrator.model import Node, NodeType
from orchestrator.plan import Ports

ENTRY_POINTS = "orchestrator.nodes"
OWN: tuple[type[NodeExecutor[Any]], ...] = (
    *trigger.EXECUTORS,
    *flow.EXECUTORS,
    *action.EXECUTORS,
    *external_action.EXECUTORS,
    *human.EXECUTORS,
    *tool.EXECUTORS,
    *memory.EXECUTORS,
    *ai_agent.EXECUTORS,
)
Key = tuple[NodeType, str]
logger = logging.getLogger(__name__)


class RegistrationError(ValueError):
    """An executor that can't join the catalogue: it is none, names no subtype, or one that is taken."""


class Catalogue(Mapping[Key, BaseNodeExecutor]):
    """Executors by type and subtype; it never changes, `joined` makes a larger one."""

    def __init__(
        self,
        executors: Mapping[Key, BaseNodeExecutor] = MappingProxyType({}),
        credential_types: Mapping[str, CredentialType] = MappingProxyType({}),
    ) -> None:
        self._executors = dict(executors)
        # The credential types that the executors declare, by name.
        self.credential_types = dict(credential_types)

    def __getitem__(self, key: Key) -> BaseNodeExecutor:
        return self._executors[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._executors)

    def __len__(self) -> int:
        return len(self._executors)

    def joined(self, node_type: NodeType, executor_class: type[BaseNodeExecutor]) -> "Catalogue":
        """This catalogue and one more executor, of all its subtypes; RegistrationError if one is taken."""
        executor = _instance(executor_class)
        executors = dict(self._executors)
        for subtype in _subtypes(executor):
            taken = executors.get((node_type, subtype))
            if taken is not None and type(taken) is not executor_class:
                raise RegistrationError(
                    f"{node_type} {subtype} is already run by {_path(type(taken))}; "
                    f"{_path(executor_class)} needs another subtype"
                )
            executors.setdefault((node_type, subtype), executor)
        return Catalogue(executors, {**self.credential_types, **self._brought(executor)})

    def _brought(self, executor: BaseNodeExecutor) -> dict[str, CredentialType]:
        kinds = {kind.name: kind for slot in executor.credentials.values() for kind in slot.types}
        for name, kind in kinds.items():
            if self.credential_types.get(name, kind) != kind:
                raise RegistrationError(f"{_path(type(executor))} brings another credential type {name!r}; rename it")
        return kinds

    def find(self, node: Node) -> BaseNodeExecutor | None:
        """The executor of a node; None if its type or subtype is unknown."""
        return self._executors.get((node.type, node.subtype)) if node.type else None

    def subtypes(self, node_type: NodeType) -> list[str]:
        """The subtypes of a type, in the order they joined."""
        return [subtype for known, subtype in self._executors if known == node_type]

    def describe(self, node: Node) -> Ports | None:
        """A node's ports and how it runs; None if its type or subtype is unknown."""
        executor = self.find(node)
        return executor.ports(node.parameters) if executor else None

    def literal(self, node: Node) -> frozenset[str]:
        """The node's parameters in which {{ }} means nothing, such as code."""
        executor = self.find(node)
        return executor.literal if executor else frozenset()

    def problems(self, node: Node) -> list[Problem]:
        """What is wrong with a node's parameters; nothing if its type or subtype is unknown."""
        executor = self.find(node)
        if executor is None:
            return []
        found = check(executor, node) if isinstance(executor, NodeExecutor) else []
        return found + [
            Problem("INVALID_PARAMETER", sentence, node.name, "parameters") for sentence in _asked(executor, node)
        ]


class NodeExecutorFactory:
    """A catalogue that can still grow: executors are registered while a process starts."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def register_executor(self, node_type: str, executor_class: type[BaseNodeExecutor]) -> None:
        """Adds an executor; one of a type we don't know is reached as CUSTOM_NODE, by its subtypes."""
        self.catalogue = self.catalogue.joined(_type(node_type), executor_class)

    def get_executor(self, node_type: str, subtype: str) -> BaseNodeExecutor:
        """The executor of a type and subtype; LookupError says which there are."""
        known = _type(node_type)
        executor = self.catalogue.get((known, subtype))
        if executor is None:
            there = ", ".join(self.catalogue.subtypes(known)) or "none"
            raise LookupError(f"{known} has no subtype {subtype!r:.60}; there are: {there}")
        return executor


@lru_cache(maxsize=1)
def get_node_executor_factory() -> NodeExecutorFactory:
    """The process's factory, made when first asked for."""
    return NodeExecutorFactory(load(entry_points(group=ENTRY_POINTS)))


def load(plugins: Iterable[EntryPoint] = ()) -> Catalogue:
    """Our own families and third parties' entry points; RegistrationError names one that can't be used."""
    catalogue = Catalogue()
    for own in OWN:
        catalogue = catalogue.joined(own.type, own)
    for plugin in sorted(plugins, key=lambda plugin: (plugin.name, plugin.value)):
        executor_class = _loaded(plugin)
        try:
            catalogue = catalogue.joined(_type(getattr(executor_class, "type", "")), executor_class)
        except RegistrationError as error:
            raise RegistrationError(f"the plug-in {plugin.name} ({plugin.value}): {error}") from error
    return catalogue


def _loaded(plugin: EntryPoint) -> type[BaseNodeExecutor]:
    try:
        loaded: type[BaseNodeExecutor] = plugin.load()
    except (ImportError, AttributeError) as error:
        raise RegistrationError(f"the plug-in {plugin.name} ({plugin.value}) can't be loaded: {error}") from error
    return loaded


def _type(name: str) -> NodeType:
    return NodeType(name) if name in NodeType.__members__ else NodeType.CUSTOM_NODE


def _instance(executor_class: type[BaseNodeExecutor]) -> BaseNodeExecutor:
    if not isinstance(executor_class, type) or not issubclass(executor_class, BaseNodeExecutor):
        raise RegistrationError(f"{executor_class!r:.80} is no subclass of BaseNodeExecutor")
    try:
        return executor_class()
    except TypeError as error:
        raise RegistrationError(f"{_path(executor_class)} can't be made without arguments: {error}") from error


def _subtypes(executor: BaseNodeExecutor) -> list[str]:
    subtypes = executor.get_supported_subtypes()
    if not subtypes or not all(isinstance(subtype, str) and subtype for subtype in subtypes):
        raise RegistrationError(f"{_path(type(executor))} names no subtype that it runs")
    return subtypes


def _asked(executor: BaseNodeExecutor, node: Node) -> list[str]:
    try:
        return [str(sentence) for sentence in executor.validate(node)]
    except Exception as error:
        logger.exception("the validation of %s %s failed", node.type, node.subtype)
        return [f"{_path(type(executor))} can't check its parameters: {type(error).__name__}"]


def _path(executor_class: type) -> str:
    return f"{executor_class.__module__}.{executor_class.__qualname__}"
