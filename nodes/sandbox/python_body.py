"""Makes a module's text out of the text of a function's body, without changing what its strings hold."""

import io
import re
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass

CHECK = "_sandbox_check"
# Runs before the user's code. The interpreter would pass functions on as text and cycles as dots: so it looks first.
PRELUDE = """
import json as _sandbox_json
from decimal import Decimal as _sandbox_decimal
def _sandbox_write(text):
    print(text, end='')
    return len(text)
def _sandbox_check(value):
    try:
        _sandbox_json.dumps(value)
        return
    except TypeError:
        pass
    rest = [(value, 0)]
    while rest:
        value, depth = rest.pop()
        kind = type(value)
        if depth > 500:
            raise RecursionError('nested deeper than 500 levels')
        if kind is dict:
            rest.extend([(child, depth + 1) for child in value.values()])
        elif kind is list or kind is tuple:
            rest.extend([(child, depth + 1) for child in value])
        elif value is not None and kind not in (str, int, float, bool, _sandbox_decimal):
            raise TypeError(kind.__name__ + " isn't a JSON value")
"""

_STRING_STARTS = {"STRING", "FSTRING_START", "TSTRING_START"}
_STRING_ENDS = {"STRING", "FSTRING_END", "TSTRING_END"}
_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER, tokenize.INDENT, tokenize.DEDENT}
_WRITES = (["sys", ".", "stdout", ".", "write"], ["sys", ".", "stderr", ".", "write"])


@dataclass(frozen=True)
class Body:
    """The text to run; how far the user's lines are moved down and right in it; and how many they are."""

    text: str
    down: int
    right: int
    lines: int


def prepare(code: str, names: Sequence[str]) -> Body:
    """The code as a function of these names, called once, its result checked and returned."""
    code = re.sub("\r\n?", "\n", code)
    count = code.count("\n") + 1
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):
        # The interpreter says better what is wrong, and nothing of it runs.
        return Body(f"{code}\n", 0, 0, count)
    lines = _with_writes(code.split("\n"), tokens)
    inside = _inside_strings(tokens)
    text = "\n".join(line if row in inside else f" {line}" for row, line in enumerate(lines, 1))
    if all(token.type in _SILENT for token in tokens):
        text += "\n pass"
    awaits = any(token.type == tokenize.NAME and token.string in ("await", "async") for token in tokens)
    head, call = ("async def", "await ") if awaits else ("def", "")
    arguments = ", ".join(names)
    ending = f"_sandbox_result = {call}_sandbox_body({arguments})\n{CHECK}(_sandbox_result)\nreturn _sandbox_result\n"
    return Body(f"{head} _sandbox_body({arguments}):\n{text}\n\n{ending}", 1, 1, count)


def _with_writes(lines: list[str], tokens: list[tokenize.TokenInfo]) -> list[str]:
    """Calls of sys.stdout.write and sys.stderr.write, which the interpreter lacks, become prints."""
    for place in range(len(tokens) - 5, -1, -1):
        if tokens[place].string != "sys" or [token.string for token in tokens[place : place + 5]] not in _WRITES:
            continue
        (row, start), (end_row, end) = tokens[place].start, tokens[place + 4].end
        if row == end_row:
            lines[row - 1] = f"{lines[row - 1][:start]}_sandbox_write{lines[row - 1][end:]}"
    return lines


def _inside_strings(tokens: list[tokenize.TokenInfo]) -> set[int]:
    """The rows that begin inside a string, where white space counts."""
    inside: set[int] = set()
    opened = []
    for token in tokens:
        name = tokenize.tok_name[token.type]
        if name in _STRING_STARTS:
            opened.append(token.start[0])
        if name in _STRING_ENDS and opened:
            inside.update(range(opened.pop() + 1, token.end[0] + 1))
    return inside
