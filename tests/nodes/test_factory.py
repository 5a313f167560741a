"""The catalogue, and what third parties add to it."""

import logging
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from nodes.base import BaseNodeExecutor, NodeExecutionContext, NodeExecutionResult
from nodes.factory import Catalogue, NodeExecutorFactory, RegistrationError, get_node_executor_factory, load
from orchestrator.model import Node, NodeType
from orchestrator.plan import Effect, Ports

# The published example of a plug-in, word for word; only its imports stand elsewhere.
EXAMPLE = '''
class CustomNodeExecutor(BaseNodeExecutor):
    """自定义节点执行器示例"""
    
    def get_supported_subtypes(self) -> List[str]:
        return ["CUSTOM_SUBTYPE"]
    
    def validate(self, node: Any) -> List[str]:
        errors = []
        if not node.parameters.get("required_param"):
            errors.append("required_param is missing")
        return errors
    
    def execute(self, context: NodeExecutionContext) -> NodeExecutionResult:
        try:
            # 获取参数
            param = context.get_parameter("required_param")
            
            # 执行业务逻辑
            result = self._process_data(param, context.input_data)
            
            # 返回成功结果
            return self._create_success_result(
                output_data={"result": result},
                logs=["Processing completed successfully"]
            )
        except Exception as e:
            return self._create_error_result(
                error_message=str(e),
                logs=["Error occurred during processing"]
            )
'''  # noqa: W293
REGISTRATION = """
factory = get_node_executor_factory()
factory.register_executor("CUSTOM_NODE", CustomNodeExecutor)

# 或者在模块初始化时自动注册
def register_custom_executors():
    factory = get_node_executor_factory()
    factory.register_executor("CUSTOM_NODE", CustomNodeExecutor)
    factory.register_executor("ANOTHER_NODE", AnotherNodeExecutor)
"""


class Echo(BaseNodeExecutor):
    def get_supported_subtypes(self) -> list[str]:
        return ["ECHO", "REPEAT"]

    def execute(self, context: NodeExecutionContext[Any]) -> dict[str, Any]:
        return context.input_data


class Other(Echo):
    pass


class Nameless(Echo):
    def get_supported_subtypes(self) -> list[str]:
        return []


class Demanding(Echo):
    def __init__(self, needed: str) -> None:
        self.needed = needed


class Broken(Echo):
    def validate(self, node: Node) -> list[str]:
        raise KeyError("secret value")


def node(kind: str, subtype: str, **parameters: Any) -> Node:
    return Node(name="N", type=NodeType(kind), subtype=subtype, parameters=parameters)


@pytest.fixture
def factory() -> NodeExecutorFactory:
    return NodeExecutorFactory(load())


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, factory: NodeExecutorFactory) -> dict[str, Any]:
    """The example's namespace, with a factory of its own in place of the process's."""
    names: dict[str, Any] = {
        "BaseNodeExecutor": BaseNodeExecutor,
        "NodeExecutionContext": NodeExecutionContext,
        "NodeExecutionResult": NodeExecutionResult,
        "AnotherNodeExecutor": Echo,
        "get_node_executor_factory": lambda: factory,
        "__name__": "example",
    }
    exec("from typing import Any, List\n" + EXAMPLE, names)
    names["CustomNodeExecutor"]._process_data = lambda self, param, data: f"{param}:{sorted(data)}"
    exec(REGISTRATION, names)
    names["register_custom_executors"]()
    return names


def context_of(parameters: dict[str, Any]) -> Any:
    return NodeExecutionContext(
        node=node("CUSTOM_NODE", "CUSTOM_SUBTYPE", **parameters),
        parameters=None,
        inputs=[[{"json": {"a": 1}}, {"json": {"b": 2}}]],
        resources=None,  # type: ignore[arg-type]
        now=None,  # type: ignore[arg-type]
        resolved=parameters,
    )


@pytest.mark.parametrize(
    ("kind", "subtype", "expected"),
    [
        ("TRIGGER_NODE", "MANUAL", Ports(Effect.PURE, inputs=0)),
        ("FLOW_NODE", "IF", Ports(Effect.PURE, outputs=("true", "false"))),
        ("FLOW_NODE", "LOOP", Ports(Effect.CONTROL, outputs=("body", "done"), loops=True)),
        ("FLOW_NODE", "STOP", Ports(Effect.CONTROL, outputs=())),
        ("ACTION_NODE", "HTTP_REQUEST", Ports(Effect.EFFECTFUL)),
        ("ACTION_NODE", "DATA_TRANSFORMATION", Ports(Effect.PURE)),
        ("ACTION_NODE", "NO_SUCH", None),
        ("CUSTOM_NODE", "MANUAL", None),
    ],
)
def test_describe(catalogue: Catalogue, kind: str, subtype: str, expected: Ports | None) -> None:
    assert catalogue.describe(node(kind, subtype)) == expected


def test_a_node_without_a_type_is_unknown(catalogue: Catalogue) -> None:
    assert catalogue.describe(Node(name="N", subtype="MANUAL")) is None
    assert catalogue.problems(Node(name="N", subtype="MANUAL")) == []


def test_subtypes_are_listed(catalogue: Catalogue) -> None:
    called, timed = ["WEBHOOK", "FORM", "CHAT"], ["CRON", "EMAIL", "CALENDAR"]
    assert catalogue.subtypes(NodeType.TRIGGER_NODE) == ["MANUAL", "SUBWORKFLOW", "ERROR", *called, *timed]
    assert len(catalogue) == len(list(catalogue)) == 50


async def test_the_published_example_runs(example: dict[str, Any], factory: NodeExecutorFactory) -> None:
    executor = factory.get_executor("CUSTOM_NODE", "CUSTOM_SUBTYPE")
    result = await executor.run(context_of({"required_param": "x"}))
    assert result == NodeExecutionResult(True, {"result": "x:['a', 'b']"}, "", ["Processing completed successfully"])


async def test_the_published_example_reports_its_errors(example: dict[str, Any], factory: NodeExecutorFactory) -> None:
    example["CustomNodeExecutor"]._process_data = lambda self, param, data: 1 / 0
    result = await factory.get_executor("CUSTOM_NODE", "CUSTOM_SUBTYPE").run(context_of({"required_param": "x"}))
    assert result == NodeExecutionResult(False, None, "division by zero", ["Error occurred during processing"])


def test_the_published_examples_problems_are_ours(example: dict[str, Any], factory: NodeExecutorFactory) -> None:
    found = factory.catalogue.problems(node("CUSTOM_NODE", "CUSTOM_SUBTYPE"))
    assert [(problem.code, problem.message, problem.node, problem.field) for problem in found] == [
        ("INVALID_PARAMETER", "required_param is missing", "N", "parameters")
    ]
    assert factory.catalogue.problems(node("CUSTOM_NODE", "CUSTOM_SUBTYPE", required_param=1)) == []


def test_an_unknown_type_is_reached_as_custom_node(example: dict[str, Any], factory: NodeExecutorFactory) -> None:
    assert factory.catalogue.describe(node("CUSTOM_NODE", "ECHO")) == Ports(Effect.EFFECTFUL)
    assert type(factory.get_executor("ANOTHER_NODE", "REPEAT")) is Echo


def test_the_same_class_may_register_twice(factory: NodeExecutorFactory) -> None:
    factory.register_executor("CUSTOM_NODE", Echo)
    factory.register_executor("CUSTOM_NODE", Echo)
    assert factory.catalogue.subtypes(NodeType.CUSTOM_NODE) == ["ECHO", "REPEAT"]


@pytest.mark.parametrize(
    ("kind", "executor", "message"),
    [
        ("CUSTOM_NODE", Other, "CUSTOM_NODE ECHO is already run by"),
        ("SOMETHING", Other, "CUSTOM_NODE ECHO is already run by"),
        ("CUSTOM_NODE", Nameless, "names no subtype"),
        ("CUSTOM_NODE", Demanding, "can't be made without arguments"),
        ("CUSTOM_NODE", dict, "is no subclass of BaseNodeExecutor"),
        ("CUSTOM_NODE", BaseNodeExecutor, "can't be made without arguments"),
        ("CUSTOM_NODE", Echo(), "is no subclass of BaseNodeExecutor"),
    ],
)
def test_what_cant_register(factory: NodeExecutorFactory, kind: str, executor: Any, message: str) -> None:
    factory.register_executor("CUSTOM_NODE", Echo)
    before = factory.catalogue
    with pytest.raises(RegistrationError, match=message):
        factory.register_executor(kind, executor)
    assert factory.catalogue is before


def test_an_unknown_subtype_names_those_there_are(factory: NodeExecutorFactory) -> None:
    with pytest.raises(LookupError, match="TRIGGER_NODE has no subtype 'CRONTAB'; there are: MANUAL"):
        factory.get_executor("TRIGGER_NODE", "CRONTAB")


def test_a_plug_ins_failing_validation_is_a_problem(
    factory: NodeExecutorFactory, caplog: pytest.LogCaptureFixture
) -> None:
    factory.register_executor("CUSTOM_NODE", Broken)
    with caplog.at_level(logging.ERROR):
        (found,) = factory.catalogue.problems(node("CUSTOM_NODE", "ECHO"))
    assert "can't check its parameters: KeyError" in found.message
    assert "secret value" not in found.message
    assert caplog.records


def entry(value: str) -> EntryPoint:
    return EntryPoint(name="mine", value=value, group="orchestrator.nodes")


def test_entry_points_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EntryPoint, "load", lambda self: Echo)
    assert load([entry("mine:Echo")]).subtypes(NodeType.CUSTOM_NODE) == ["ECHO", "REPEAT"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_package:Node", r"the plug-in mine \(no_such_package:Node\) can't be loaded"),
        ("json:NoSuchThing", r"the plug-in mine \(json:NoSuchThing\) can't be loaded"),
        ("json:JSONDecoder", r"the plug-in mine \(json:JSONDecoder\): .*no subclass"),
        ("nodes.flow.if_:If", ""),
    ],
)
def test_a_bad_entry_point_is_named(value: str, message: str) -> None:
    if not message:
        assert len(load([entry(value)])) == len(load())
        return
    with pytest.raises(RegistrationError, match=message):
        load([entry(value)])


def test_the_process_has_one_factory() -> None:
    assert get_node_executor_factory() is get_node_executor_factory()
