"""A function's body as a module's text."""

import pytest

from nodes.sandbox.python_body import prepare

HEAD = "def _sandbox_body(items):\n"
CALL = "_sandbox_body(items)\n_sandbox_check(_sandbox_result)\nreturn _sandbox_result\n"
TAIL = f"\n\n_sandbox_result = {CALL}"


@pytest.mark.parametrize(
    ("code", "inside"),
    [
        ("return 1", " return 1"),
        ("  return 1", "   return 1"),
        ("if x:\n\treturn 1", " if x:\n \treturn 1"),
        ("", " \n pass"),
        ("# only this", " # only this\n pass"),
        ("x = '''a\n  b\nc'''\nreturn x", " x = '''a\n  b\nc'''\n return x"),
        ("x = (1,\n2)", " x = (1,\n 2)"),
        ("x = 'a\\\nb'", " x = 'a\\\nb'"),
        ("a = 1\r\nb = 2\rc = 3", " a = 1\n b = 2\n c = 3"),
        ("sys.stderr.write(x); sys.stdout.write(y)", " _sandbox_write(x); _sandbox_write(y)"),
        ("a = 'sys.stderr.write(x)'", " a = 'sys.stderr.write(x)'"),
    ],
)
def test_moves_lines_but_not_strings(code: str, inside: str) -> None:
    body = prepare(code, ["items"])
    assert body.text == HEAD + inside + TAIL
    assert (body.down, body.right) == (1, 1)
    assert body.lines == inside.removesuffix("\n pass").count("\n") + 1


def test_awaits_where_the_code_does() -> None:
    body = prepare("return await f()", ["item", "index"])
    assert body.text.startswith("async def _sandbox_body(item, index):\n return await f()\n")
    assert "_sandbox_result = await _sandbox_body(item, index)\n" in body.text


@pytest.mark.parametrize("code", ["x = (", "'''", "if x:\n    y\n  z"])
def test_leaves_what_cannot_be_read(code: str) -> None:
    assert prepare(code, ["items"]).text == f"{code}\n"
