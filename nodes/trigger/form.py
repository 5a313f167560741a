"""Starts a run for each form that somebody fills in."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from nodes.parameters import STRUCTURAL, Parameters, misuse
from nodes.trigger.address import PATH, TriggerPath
from nodes.trigger.form_fields import FormFields
from nodes.trigger.manual import Trigger


class FormParameters(Parameters):
    """Parameters of FORM."""

    path: TriggerPath = Field(default="", description=PATH)
    title: Annotated[str, STRUCTURAL] = Field(default="Form", max_length=200, description="The page's heading.")
    description: Annotated[str, STRUCTURAL] = Field(default="", max_length=4000, description="What the form is for.")
    fields: FormFields = Field(default_factory=list, max_length=200, description="What is asked, in this order.")
    submit_label: Annotated[str, STRUCTURAL] = Field(default="Send", max_length=100, description="The button's words.")
    thanks: Annotated[str, STRUCTURAL] = Field(
        default="Thank you. We have received it.", max_length=4000, description="What is said once it was sent."
    )

    @model_validator(mode="after")
    def _unique(self) -> Self:
        names = [one.name for one in self.fields]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise misuse(f'has two fields with the name "{twice}"')
        return self


class Form(Trigger[FormParameters]):
    """Emits the fields, validated: numbers exact, ticks as true and false; files are the item's files."""

    subtype = "FORM"
    model = FormParameters
