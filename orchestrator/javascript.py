"""A JavaScript tokenizer, just exact enough to find where an expression ends and which names it uses."""

import re
from dataclasses import dataclass

_IDENTIFIER = r"(?:[$\w]|\\u[0-9a-fA-F]{4}|\\u\{[0-9a-fA-F]{1,6}\})+"
_TOKEN = re.compile(
    rf"""(?P<space>[\s\ufeff]+|//[^\n\r\u2028\u2029]*)
    |(?P<comment>/\*)
    |(?P<number>(?:[0-9]|\.[0-9])(?:[eE][+-]|[\w.])*)
    |(?P<name>\#?{_IDENTIFIER})
    |(?P<string>['"])
    |(?P<template>`)
    |(?P<slash>/=?)
    |(?P<punctuator>\?\.(?![0-9])|=>|\.\.\.|\+\+|--|===?|!==?|<<=|>>>?=|[<>]=|.)""",
    re.VERBOSE | re.DOTALL,
)
_STRINGS = {quote: re.compile(rf"(?:[^{quote}\\\n\r]+|\\(?:\r\n|.))*+{quote}", re.DOTALL) for quote in "'\""}
_TEMPLATE = re.compile(r"(?:[^`\\$]+|\\.|\$(?!\{))*+(`|\$\{)", re.DOTALL)
_REGEX = re.compile(r"(?:[^/\\\[\n\r]+|\\[^\n\r]|\[(?:[^\]\\\n\r]+|\\[^\n\r])*+\])++/\w*")
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|.))", re.DOTALL)
_SIMPLE = dict(zip("ntrbfv0", "\n\t\r\b\f\v\0", strict=True)) | dict.fromkeys(("\n", "\r\n", "\r"), "")
_CLOSING = {")": "(", "]": "[", "}": "{"}
_ASSIGNING = frozenset({"=", "/=", "<<=", ">>=", ">>>=", "++", "--"})  # others end in a token of their own
# Words after which a slash begins a regular expression rather than a division.
_OPERATORS = frozenset(
    {"case", "delete", "do", "else", "in", "instanceof", "new", "return", "throw", "typeof", "void", "yield"}
)


class JavaScriptError(ValueError):
    """Text that isn't JavaScript, and where; `truncated` says that it only lacks an end."""

    def __init__(self, message: str, offset: int, *, truncated: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.truncated = truncated


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `value` is decoded, so that an escaped name or string is what it stands for.

    Kinds: name, property (a name after a dot), string, template, number, regex, punctuator.
    """

    kind: str
    value: str
    start: int


def scan(text: str, start: int, limit: int) -> tuple[list[Token], int]:
    """The tokens of the expression that begins at `start`, and where the `}}` stands that ends it."""
    return _Scanner(text, start, limit).run()


class _Scanner:
    """Walks one expression, keeping the brackets that are open."""

    def __init__(self, text: str, start: int, limit: int) -> None:
        self.text = text
        self.position = start
        self.limit = min(limit, len(text))
        self.tokens: list[Token] = []
        self.open: list[tuple[str, int]] = []
        self.start = start

    def run(self) -> tuple[list[Token], int]:
        text = self.text
        while self.position < self.limit:
            if not self.open and text.startswith("}}", self.position):
                return self.tokens, self.position
            found = _TOKEN.match(text, self.position, self.limit)
            if found is None or found.lastgroup is None:  # the last alternative takes any character
                raise JavaScriptError("unreadable text", self.position)
            start, self.position = self.position, found.end()
            getattr(self, f"_{found.lastgroup}")(found.group(), start)
        raise self._unterminated("the expression", self.start)

    def _space(self, _text: str, _start: int) -> None:
        """Nothing to keep."""

    def _comment(self, _text: str, start: int) -> None:
        end = self.text.find("*/", self.position, self.limit)
        if end < 0:
            raise self._unterminated("the comment /*", start)
        self.position = end + 2

    def _number(self, text: str, start: int) -> None:
        self._add("number", text, start)

    def _name(self, text: str, start: int) -> None:
        before = self.tokens[-1] if self.tokens else None
        member = before is not None and before.kind == "punctuator" and before.value in (".", "?.")
        self._add("property" if member else "name", decode(text) if "\\" in text else text, start)

    def _string(self, quote: str, start: int) -> None:
        found = _STRINGS[quote].match(self.text, self.position, self.limit)
        if found is None:
            raise self._unterminated(f"the string {quote}", start)
        self._add("string", decode(self.text[self.position : found.end() - 1]), start)
        self.position = found.end()

    def _template(self, _text: str, start: int) -> None:
        found = _TEMPLATE.match(self.text, self.position, self.limit)
        if found is None:
            raise self._unterminated("the template literal `", start)
        value = decode(self.text[self.position : found.start(1)])
        whole = self.text[start] == "`" and found.group(1) == "`"
        self._add("string" if whole else "template", value, start)
        self.position = found.end()
        if found.group(1) != "`":
            self.open.append(("${", start))
            self._add("punctuator", "${", found.start(1))

    def _slash(self, text: str, start: int) -> None:
        if self._ends_value():
            self._add("punctuator", text, start)
            return
        found = _REGEX.match(self.text, start + 1, self.limit)
        if found is None:
            raise self._unterminated("the regular expression /", start)
        self._add("regex", found.group(), start)
        self.position = found.end()

    def _punctuator(self, text: str, start: int) -> None:
        if text in ("(", "[", "{"):
            self.open.append((text, start))
        elif text in _CLOSING:
            opener, opened = self.open.pop() if self.open else ("", start)
            if text == "}" and opener == "${":
                self._template("", start)
                return
            if opener != _CLOSING[text]:
                raise self._unbalanced(text, start, opener, opened)
        self._add("punctuator", text, start)

    def _add(self, kind: str, value: str, start: int) -> None:
        self.tokens.append(Token(kind, value, start))

    def _ends_value(self) -> bool:
        if not self.tokens:
            return False
        last = self.tokens[-1]
        if last.kind == "punctuator":
            return last.value in (")", "]", "}", "++", "--")
        return not (last.kind == "name" and last.value in _OPERATORS)

    def _unterminated(self, what: str, start: int) -> JavaScriptError:
        return JavaScriptError(f"{what} isn't closed", start, truncated=True)

    def _unbalanced(self, text: str, start: int, opener: str, opened: int) -> JavaScriptError:
        if not opener:
            return JavaScriptError(f"there is no opening bracket for this {text}", start)
        return JavaScriptError(f"{opener} isn't closed before this {text}", opened)


def may_change(tokens: list[Token]) -> bool:
    """Whether tokens could set a property of an object that they didn't make, other than by its methods."""
    for token in tokens:
        if token.kind == "punctuator" and token.value in _ASSIGNING:
            return True
        if token.kind == "name" and token.value in ("Object", "Reflect", "delete", "for"):
            return True
    return False


def decode(text: str) -> str:
    """The value of a string literal's inside, or of a name with escapes."""
    if "\\" not in text:
        return text
    # Two escapes may make one character: a surrogate pair.
    return _ESCAPE.sub(_unescape, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescape(found: re.Match[str]) -> str:
    code = found.group(1) or found.group(2) or found.group(3)
    if code:
        number = int(code, 16)
        return chr(number) if number <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"
    letter = found.group(4)
    return _SIMPLE.get(letter, letter)
