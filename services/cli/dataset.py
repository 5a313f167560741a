"""What `orchestrator eval` reads: a workflow, cases, and what must hold of their results."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestrator import exact_json
from orchestrator.errors import Problem
from services.cli.failure import invalid

_ABSENT = "<absent>"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Check(_Strict):
    """One thing that must hold of a run's result, which is an object: node name to the list of its items' JSON.

    `equals` is the whole result, or what lies at `path`, such as `Agent[0].output`; `contains` is a part of the text
    there. `expression` is JavaScript with the result as `$json` that gives true. `judge` is what a model is to decide.
    """

    path: str = ""
    equals: Any = _ABSENT
    contains: str | None = None
    expression: str | None = None
    judge: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [self.equals != _ABSENT, self.contains is not None, bool(self.expression), bool(self.judge)]
        if sum(kinds) != 1:
            raise ValueError("a check says one of: equals, contains, expression, judge")
        return self

    @property
    def is_exact(self) -> bool:
        """Whether it compares."""
        return bool(self.equals != _ABSENT)


class Case(_Strict):
    """One input, and what must hold of the result; without checks the run must complete."""

    name: str = ""
    input: dict[str, Any] | list[dict[str, Any]] = Field(default_factory=dict)
    checks: list[Check] = Field(default_factory=list)


class Judge(_Strict):
    """The model that decides: what an agent's node says of its model."""

    model_provider: Literal["openai", "anthropic"] = "openai"
    model_name: str
    base_url: str = ""
    credential: str = ""


class Dataset(_Strict):
    """The whole file. `threshold` is the least share of cases that must pass; `workflow` is a path beside the file."""

    workflow: str
    cases: list[Case] = Field(min_length=1, max_length=10_000)
    threshold: float = Field(default=1.0, ge=0, le=1)
    trigger: str = ""
    judge: Judge | None = None

    @model_validator(mode="after")
    def _judged(self) -> Self:
        if self.judge is None and any(check.judge for case in self.cases for check in case.checks):
            raise ValueError('cases ask for a judge; say which model it is, as "judge"')
        return self


def read_dataset(file: Path) -> Dataset:
    """The dataset in a file; a Failure names everything that is wrong."""
    try:
        return Dataset.model_validate(exact_json.loads(file.read_bytes()))
    except OSError as error:
        raise invalid([Problem("UNREADABLE_FILE", f"{file}: {error.strerror}")]) from None
    except exact_json.NotJson as error:
        raise invalid([Problem("NOT_JSON", f"{file}: {error}")]) from None
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise invalid(
            [
                Problem("BAD_DATASET", f"{exact_json.dotted(list(one['loc'])) or 'the dataset'}: {one['msg']}")
                for one in found[:20]
            ]
        ) from None
