"""Parameters that all nodes that ask people have in common."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from nodes.parameters import STRUCTURAL, WRITTEN_OUT, Duration, Parameters, absent, is_template, misuse
from nodes.values import shown
from orchestrator import exact_json
from orchestrator.plan import ERROR_PORT
from orchestrator.task_form import DEFAULT_OPTIONS, TIMEOUT, FieldType, TaskField, TaskOption, port_of

MOST_PEOPLE = 100
MOST_OPTIONS = 20
MOST_FIELDS = 50


def _people(given: Any) -> Any:
    if isinstance(given, str) and not is_template(given):
        return [name for name in (part.strip() for part in given.split(",")) if name]
    return given


def _option(given: Any) -> Any:
    return {"name": given} if isinstance(given, str) else given


Person = Annotated[str, Field(min_length=1, max_length=320)]
People = Annotated[list[Person], BeforeValidator(_people), Field(max_length=MOST_PEOPLE)]


class Option(Parameters):
    """A decision that people may take."""

    name: Annotated[str, STRUCTURAL] = Field(
        min_length=1, max_length=60, description="What `human.decision` says then, and who answers by a program."
    )
    label: str = Field(default="", max_length=75, description="What people read; by default the name.")
    port: Annotated[str, STRUCTURAL] = Field(
        default="",
        max_length=60,
        description="The port by which the item leaves. By default `approved` for names like approve, accept and yes, "
        "`rejected` for those like reject, decline and no, and otherwise a port of the option's own name.",
    )


class FormField(Parameters):
    """Something that people fill in."""

    name: str = Field(min_length=1, max_length=60, description="Its name in `human.fields`.")
    label: str = Field(default="", max_length=150, description="What people read; by default the name.")
    type: FieldType = Field(default="text", description="The kind of value.")
    required: bool = Field(default=False, description="Whether an answer without it is refused, unless it rejects.")
    options: list[str] = Field(default_factory=list, max_length=100, description="What can be chosen.")
    default: Any = Field(default=None, description="Its value to begin with.")

    @model_validator(mode="after")
    def _choosable(self) -> Self:
        if self.type in ("select", "multiselect") and not self.options:
            raise absent("options", f'a field of the type "{self.type}" needs them')
        return self

    def spec(self) -> TaskField:
        """The field as a task has it."""
        default = "" if self.default is None else exact_json.dumps(self.default)
        return TaskField(self.name, self.label, self.type, self.required, tuple(self.options), default)


class DefaultAnswer(Parameters):
    """The answer that counts when nobody answers."""

    decision: str = Field(min_length=1, description="One of the options.")
    fields: dict[str, Any] = Field(default_factory=dict, description="What is taken as filled in.")
    comment: str = Field(default="", max_length=4000, description="A comment.")


class HumanParameters(Parameters):
    """What is asked, whom, and what happens if nobody answers."""

    message: str = Field(min_length=1, max_length=20_000, description="What people are asked.")
    title: str = Field(
        default="", max_length=300, description="A line that says what it is; by default the node's name."
    )
    assignees: People = Field(
        default_factory=list,
        description="Who may answer: ids of users, mail addresses, `role:approver`, `slack:U…`, `discord:…` or "
        "`telegram:…`. Empty: anybody who gets to see the task.",
    )
    fields: list[FormField] = Field(default_factory=list, max_length=MOST_FIELDS, description="A form to fill in.")
    options: Annotated[list[Annotated[Option, BeforeValidator(_option)]], WRITTEN_OUT] = Field(
        default_factory=list,
        max_length=MOST_OPTIONS,
        description="The decisions there are, by default approved and rejected: names, or objects with a label.",
    )
    timeout: Duration | None = Field(
        default=None, gt=0, description='How long there is to answer, such as "3d"; by default for ever.'
    )
    on_timeout: Annotated[Literal["fail", "timeout_output", "default"], STRUCTURAL] = Field(
        default="fail",
        description="What happens then: the node fails for that item, the item leaves by the port `timeout`, or "
        "`default_answer` counts.",
    )
    default_answer: DefaultAnswer | None = Field(default=None, description="A decision, or an object with fields, too.")
    reminders: list[Duration] = Field(
        default_factory=list, max_length=20, description='How long after asking to remind, such as ["1d", "2d"].'
    )
    escalate_to: People = Field(
        default_factory=list,
        description="Who may answer instead once the time is up; they have as much time again.",
    )
    approvals_required: int = Field(
        default=1, ge=1, le=20, description="How many people must decide the same; one who rejects is enough."
    )
    requester: str = Field(default="", max_length=320, description="Who asks for it; by default who started the run.")
    exclude_requester: bool = Field(default=False, description="The requester must not answer.")

    @field_validator("default_answer", mode="before")
    @classmethod
    def _decision_alone(cls, given: Any) -> Any:
        return {"decision": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.timeout is None:
            for name, used in (("escalate_to", bool(self.escalate_to)), ("on_timeout", self.on_timeout != "fail")):
                if used:
                    raise absent("timeout", f'"{name}" needs it')
        if self.on_timeout == "default" and self.default_answer is None:
            raise absent("default_answer", 'on_timeout "default" needs it')
        names = [option.name for option in self.options]
        for position, name in enumerate(names):
            if name in names[:position]:
                raise misuse(f'has two options called "{name}"; each needs a name of its own')
        if ERROR_PORT in names or TIMEOUT in names:
            raise misuse(f'has an option called "{ERROR_PORT}" or "{TIMEOUT}", which is the name of a port')
        default = self.default_answer
        if default is not None and not is_template(default.decision):
            known = [option.name for option in self.choices()]
            if default.decision not in known and port_of(default.decision) not in known:
                raise misuse(f"has the default answer {shown(default.decision)}; the options are {', '.join(known)}")
        return self

    def choices(self) -> tuple[TaskOption, ...]:
        """The options with their ports."""
        given = [TaskOption(one.name, one.label, one.port or port_of(one.name)) for one in self.options]
        return tuple(given) or DEFAULT_OPTIONS
