"""Splits a parameter's text into literal text and `{{ … }}` expressions, and says what each reads."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from orchestrator.javascript import JavaScriptError, Token, may_change, scan

MAX_EXPRESSION = 64 * 1024
MAX_EXPRESSIONS = 1000  # in one text
_PICKS = frozenset({"all", "first", "last", "item"})
_PLAIN_ROOTS = frozenset({"$trigger", "$vars", "$execution", "$workflow", "$itemIndex", "$runIndex"})
_UNREADABLE = re.compile("[\0\ud800-\udfff]")
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*\Z")


class TemplateError(ValueError):
    """A parameter's text that can't be read: what is wrong, and at which character of the text."""

    def __init__(self, message: str, offset: int, *, limit: bool = False) -> None:
        super().__init__(f"{message} (at character {offset})")
        self.message = message
        self.offset = offset
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Path:
    """A plain look-up: the value it starts from and the keys to follow, with nothing to compute.

    `root` is `$input` (also for `$json`, `$files`), `$` for a node's output (also for `$node`), or another `$name`;
    `pick` says which of several items is meant.
    """

    root: str
    node: str
    pick: str
    steps: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A node that an expression names, and what it may read of it: all, first, last, item, any or none."""

    node: str
    pick: str


@dataclass(frozen=True)
class Expression:
    """One `{{ … }}`: its JavaScript, where it stands in the text, and what it reads."""

    source: str
    offset: int
    references: tuple[Reference, ...]
    inputs: frozenset[str]
    roots: frozenset[str]
    path: Path | None
    may_change: bool
    tokens: tuple[Token, ...] = field(default=(), repr=False, compare=False)

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """The nodes it names, in order of appearance."""
        return tuple(dict.fromkeys(reference.node for reference in self.references))

    @property
    def uses_input_all(self) -> bool:
        """Whether it may read any of the input's items, not only the current, the first or the last."""
        return bool(self.inputs & {"all", "any"})

    @property
    def per_item(self) -> bool:
        """Whether its value may differ from one item of the same run to the next."""
        picks = self.inputs | {reference.pick for reference in self.references}
        return bool(picks & {"item", "any"} or self.roots & {"$json", "$files", "$itemIndex", "Math"})

    @property
    def uses_time(self) -> bool:
        """Whether it may need the date and time library."""
        return bool(self.roots & {"$now", "$today", "DateTime", "Duration"})


@dataclass(frozen=True)
class Template:
    """A parameter's text, split."""

    parts: tuple[str | Expression, ...]

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The text's expressions, in order."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    @cached_property
    def single(self) -> Expression | None:
        """The only expression, if nothing but white space is around it; it keeps its value's type."""
        found = self.expressions
        rest = (part for part in self.parts if isinstance(part, str))
        return found[0] if len(found) == 1 and not any(part.strip() for part in rest) else None


def parse(text: str) -> Template:
    """Split a text; TemplateError says where it can't be read."""
    if len(text) <= MAX_EXPRESSION:
        return _parse_cached(text)
    return _parse(text)


def walk(parameters: Any) -> Iterator[tuple[str, str]]:
    """Every string in a tree of parameters that holds `{{`, with its path such as `fields.total`."""
    stack: list[tuple[str, Any]] = [("", parameters)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, str):
            if "{{" in value:
                yield path, value
        elif isinstance(value, dict):
            stack.extend([(join(path, key), child) for key, child in value.items()][::-1])
        elif isinstance(value, list | tuple):
            stack.extend([(join(path, index), child) for index, child in enumerate(value)][::-1])


def join(path: str, key: str | int) -> str:
    """The path of a child, as people write it: `a.b`, `a[0]`, `a["b c"]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _IDENTIFIER.match(key):
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key


def _parse(text: str) -> Template:
    parts: list[str | Expression] = []
    position = 0
    while True:
        start = text.find("{{", position)
        if start < 0:
            break
        if start > position:
            parts.append(text[position:start])
        if len(parts) > 2 * MAX_EXPRESSIONS:
            raise TemplateError(f"more than {MAX_EXPRESSIONS} expressions in one text", start, limit=True)
        expression, position = _read(text, start + 2)
        parts.append(expression)
    if position < len(text):
        parts.append(text[position:])
    return Template(tuple(parts))


_parse_cached = lru_cache(maxsize=2048)(_parse)


def _read(text: str, start: int) -> tuple[Expression, int]:
    limit = start + MAX_EXPRESSION
    try:
        tokens, end = scan(text, start, limit)
    except JavaScriptError as error:
        if error.truncated and len(text) > limit:
            message = f"the expression is longer than {MAX_EXPRESSION} characters; use a RUN_CODE node"
            raise TemplateError(message, start, limit=True) from None
        raise TemplateError(error.message, error.offset) from None
    if not tokens:
        raise TemplateError("the expression is empty; write something between {{ and }}", start)
    source = text[start:end]
    unreadable = _UNREADABLE.search(source)
    if unreadable:
        message = "the expression holds a NUL character or half of a surrogate pair; remove it"
        raise TemplateError(message, start + unreadable.start())
    roots = frozenset(token.value for token in tokens if token.kind == "name")
    references = tuple(_references(tokens))
    path = Cursor(tokens).path()
    inputs, changes = _inputs(tokens), may_change(tokens)
    return Expression(source, start, references, inputs, roots, path, changes, tuple(tokens)), end + 2


def _references(tokens: Sequence[Token]) -> Iterator[Reference]:
    for position, token in enumerate(tokens):
        if token.kind != "name" or token.value not in ("$", "$node"):
            continue
        cursor = Cursor(tokens, position + 1)
        name = cursor.argument() if token.value == "$" else cursor.step()
        if not isinstance(name, str):
            written = "$('Name')" if token.value == "$" else '$node["Name"]'
            raise TemplateError(f"name the node literally, as in {written}", token.start)
        yield Reference(name, cursor.pick() if token.value == "$" else "item")


def _inputs(tokens: Sequence[Token]) -> frozenset[str]:
    found = set()
    for position, token in enumerate(tokens):
        if token.kind == "name" and token.value == "$input":
            found.add(Cursor(tokens, position + 1).pick())
    return frozenset(found)


class Cursor:
    """Reads a chain of member look-ups from a list of tokens."""

    def __init__(self, tokens: Sequence[Token], position: int = 0) -> None:
        self.tokens = tokens
        self.position = position

    def path(self) -> Path | None:
        """The whole token list as a plain look-up, or None if it computes anything."""
        found = self.look_up()
        return found if self.position == len(self.tokens) else None

    def look_up(self) -> Path | None:
        """The plain look-up that comes next, as far as it goes; None if there is none."""
        root = self.take("name")
        node, pick = "", ""
        lead: tuple[str, ...] = ()
        if root in ("$json", "$files"):
            root, pick, lead = "$input", "item", (root[1:],)
        elif root == "$input":
            pick = self._item()
        elif root == "$":
            node = self.argument() or ""
            pick = self._item()
        elif root == "$node":
            step = self.step()
            root, node, pick = "$", step if isinstance(step, str) else "", "item"
        elif root not in _PLAIN_ROOTS:
            return None
        if root in ("$input", "$") and not pick:
            return None
        steps = tuple(self._steps())
        if lead == ("files",) and not steps:
            return None  # an item may have none, and then this is an empty object
        return Path(root, node, pick, lead + steps)

    def argument(self) -> str | None:
        """The one literal text in parentheses that comes next."""
        if self.take("punctuator", "(") is None:
            return None
        name = self.take("string")
        return name if self.take("punctuator", ")") is not None else None

    def step(self) -> str | int | None:
        """The literal key of the look-up that comes next, or None."""
        optional = self.take("punctuator", "?.") is not None
        if self.take("punctuator", "[") is not None:
            key: str | int | None = self.take("string")
            if key is None:
                number = self.take("number")
                key = int(number) if number and re.fullmatch("0|[1-9][0-9]{0,8}", number) else None
            return key if self.take("punctuator", "]") is not None else None
        if optional or self.take("punctuator", ".") is not None:
            return self.take("property")
        return None

    def pick(self) -> str:
        """Which items the look-up that comes next reads: any, unless it says so."""
        step = self.step()
        if step == "isExecuted":
            return "none"
        return step if isinstance(step, str) and step in _PICKS else "any"

    def _item(self) -> str:
        step = self.step()
        if step == "item":
            return step
        called = self.take("punctuator", "(") is not None and self.take("punctuator", ")") is not None
        return step if called and isinstance(step, str) and step in _PICKS else ""

    def _steps(self) -> Iterator[str | int]:
        while (before := self.position) < len(self.tokens):
            step = self.step()
            if step is None:
                self.position = before
                return
            yield step

    def take(self, kind: str, value: str | None = None) -> str | None:
        """The next token's value, which is passed over, if it is of this kind and value."""
        if self.position >= len(self.tokens):
            return None
        token = self.tokens[self.position]
        if token.kind != kind or (value is not None and token.value != value):
            return None
        self.position += 1
        return token.value
