"""Tasks in Slack's Block Kit: the message, its end, and the form; and what was filled into the form."""

from collections.abc import Mapping
from typing import Any

from nodes.human import typed
from nodes.human.request import Request, button, clipped
from orchestrator import exact_json
from orchestrator.task_form import TaskField, TaskOption

Block = dict[str, Any]
COMMENT = "comment"
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_STYLES = {"approved": "primary", "rejected": "danger"}


def of_request(request: Request) -> list[Block]:
    """A message with a button for each option."""
    buttons = []
    for position, option in enumerate(request.options):
        style = {"style": _STYLES[option.port]} if option.port in _STYLES else {}
        value = button(position, request.task_id)
        buttons.append(
            {
                "type": "button",
                "action_id": f"task_{position}",
                "text": _plain(option.text, 75),
                "value": value,
                **style,
            }
        )
    blocks = [*_asked(request)]
    mentions = [f"<@{escaped(user)}>" for user in request.of("slack")]
    notes = [*map(escaped, request.notes), *([f"For {' '.join(mentions)}"] if mentions else [])]
    if notes:
        blocks.append({"type": "context", "elements": [_text(" · ".join(notes))]})
    return [*blocks, {"type": "actions", "block_id": "task", "elements": buttons}]


def of_outcome(request: Request, outcome: str) -> list[Block]:
    """The message once nobody need answer any more."""
    return [*_asked(request), {"type": "context", "elements": [_text(escaped(outcome))]}]


def form(task_id: str, title: str, option: TaskOption, position: int, fields: tuple[TaskField, ...]) -> Block:
    """A modal with the task's fields and a comment."""
    blocks = [
        _labelled(f"f_{place}", field.text, _element(field), required=field.required and option.port != "rejected")
        for place, field in enumerate(fields)
    ]
    element: Block = {"type": "plain_text_input", "action_id": "value", "multiline": True}
    blocks.append(_labelled(f"c_{COMMENT}", "Comment", element, required=False))
    return {
        "type": "modal",
        "callback_id": "task",
        "private_metadata": button(position, task_id),
        "title": _plain(title, 24),
        "submit": _plain(option.text, 24),
        "close": _plain("Back", 24),
        "blocks": blocks,
    }


def filled(fields: tuple[TaskField, ...], values: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """What was filled into a modal, and the comment; numbers that are none stay text, to be refused by name."""
    found: dict[str, Any] = {}
    for position, field in enumerate(fields):
        value = _value(field, _state(values, f"f_{position}"))
        if value is not None:
            found[field.name] = value
    return found, str(_state(values, f"c_{COMMENT}").get("value") or "")


def block_of(fields: tuple[TaskField, ...], name: str) -> str:
    """The block that shows a field."""
    return next((f"f_{position}" for position, field in enumerate(fields) if field.name == name), f"c_{COMMENT}")


def escaped(text: str) -> str:
    """A text in which nothing is a mention or a link."""
    return text.translate(_ESCAPES)


def _asked(request: Request) -> list[Block]:
    return [
        {"type": "header", "text": _plain(request.heading, 150)},
        {"type": "section", "text": _text(escaped(clipped(request.message, 2500)))},
    ]


def _plain(text: str, most: int) -> Block:
    return {"type": "plain_text", "text": clipped(text, most)}


def _text(text: str) -> Block:
    return {"type": "mrkdwn", "text": clipped(text, 3000)}


def _labelled(block_id: str, label: str, element: Block, *, required: bool) -> Block:
    return {
        "type": "input",
        "block_id": block_id,
        "label": _plain(label, 150),
        "optional": not required,
        "element": element,
    }


def _choice(text: str) -> Block:
    return {"text": _plain(text, 75), "value": clipped(text, 75)}


def _element(field: TaskField) -> Block:
    start = exact_json.loads(field.default) if field.default else None
    return {"action_id": "value", **_kind(field), **_initial(field, start)}


def _kind(field: TaskField) -> Block:
    match field.type:
        case "select" | "multiselect":
            kind = "static_select" if field.type == "select" else "multi_static_select"
            return {"type": kind, "options": [_choice(one) for one in field.options]}
        case "boolean":
            return {"type": "checkboxes", "options": [_yes()]}
        case "date":
            return {"type": "datepicker"}
        case "datetime":
            return {"type": "datetimepicker"}
        case "email":
            return {"type": "email_text_input"}
        case "number" | "integer":
            return {"type": "number_input", "is_decimal_allowed": field.type == "number"}
        case "text" | "textarea":
            return {"type": "plain_text_input", "multiline": field.type == "textarea"}


def _initial(field: TaskField, start: Any) -> Block:
    match field.type:
        case "select" if start in field.options:
            return {"initial_option": _choice(start)}
        case "multiselect" if isinstance(start, list) and start:
            return {"initial_options": [_choice(one) for one in start if one in field.options]}
        case "boolean" if start is True:
            return {"initial_options": [_yes()]}
        case "date" if isinstance(start, str):
            return {"initial_date": start}
        case "text" | "textarea" | "email" | "number" | "integer" if start is not None:
            return {"initial_value": str(start)}
        case _:
            return {}


def _yes() -> Block:
    return {"text": _plain("Yes", 75), "value": "true"}


def _state(values: Mapping[str, Any], block: str) -> Mapping[str, Any]:
    entry = values.get(block)
    found = entry.get("value") if isinstance(entry, dict) else None
    return found if isinstance(found, dict) else {}


def _value(field: TaskField, state: Mapping[str, Any]) -> Any:
    match field.type:
        case "select":
            chosen = state.get("selected_option")
            return chosen.get("value") if isinstance(chosen, dict) else None
        case "multiselect":
            return [one.get("value") for one in state.get("selected_options") or () if isinstance(one, dict)] or None
        case "boolean":
            return bool(state.get("selected_options"))
        case "date":
            return state.get("selected_date")
        case "datetime":
            return typed.instant(state.get("selected_date_time"))
        case "number" | "integer":
            return typed.number(state.get("value"))
        case "text" | "textarea" | "email":
            return state.get("value")
