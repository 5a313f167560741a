"""Which paths are refused, and what a safe name is."""

import pytest

from nodes.errors import PermanentError
from nodes.files.path import PathError, given, printable, safe_name, split, split_file


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.txt", ("a.txt",)),
        ("./a/./b.txt", ("a", "b.txt")),
        ("a//b", ("a", "b")),
        (".", ()),
        ("./", ()),
        ("名前.txt", ("名前.txt",)),
        ("a..b/..c/d..", ("a..b", "..c", "d..")),
        (".hidden", (".hidden",)),
        ("a b/c d.txt", ("a b", "c d.txt")),
        ("%2e%2e/x", ("%2e%2e", "x")),
        ("12:30.txt", ("12:30.txt",)),
        ("webhooks/hooks/in.json", ("webhooks", "hooks", "in.json")),
        (".gitignore", (".gitignore",)),
        ("x.git/readme", ("x.git", "readme")),
        ("console.log", ("console.log",)),
        ("n" * 255, ("n" * 255,)),
        ("👨‍👩‍👧.png", ("👨‍👩‍👧.png",)),
        ("Report….pdf", ("Report….pdf",)),
        ("*.csv", ("*.csv",)),
        ("~$report.docx", ("~$report.docx",)),
        ("a/~/b", ("a", "~", "b")),
    ],
)
def test_allowed(text: str, names: tuple[str, ...]) -> None:
    assert split(text) == names


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("..", "leads out"),
        ("a/../b", "leads out"),
        ("a/..//../x", "leads out"),
        ("/etc/passwd", "absolute"),
        ("//server/share", "absolute"),
        ("..\\x", "backslash"),
        ("C:\\x", "backslash"),
        ("c:/x", "drive"),
        ("C:x", "drive"),
        ("file:///etc/passwd", "URL"),
        ("s3://bucket/x", "URL"),
        ("~/.ssh/authorized_keys", "home"),
        ("~root/x", "home"),
        ("~", "home"),
        ("a\x00.txt", "U+0000"),
        ("a\x1b[31m", "U+001B"),
        ("a\nb", "U+000A"),
        ("a\x7f", "U+007F"),
        ("a\x85", "U+0085"),
        ("a\ud800", "U+D800"),
        ("invoice\u202efdp.exe", "U+202E"),
        ("a\u2028b", "U+2028"),
        ("\uff0e\uff0e/secret", "nothing but dots"),
        ("\u2025/secret", "nothing but dots"),
        (".../x", "nothing but dots"),
        (". ./x", "nothing but dots"),
        (" /x", "nothing but dots"),
        ("....//....//etc", "nothing but dots"),
        ("a\uff0fb", "slash"),
        ("a\uff3cb", "slash"),
        (".git/config", "repository"),
        ("x/.GIT/hooks/pre-commit", "repository"),
        (".git./x", "repository"),
        (".git /x", "repository"),
        (".g\u200cit/x", "repository"),
        (".git::$INDEX_ALLOCATION/x", "repository"),
        ("GIT~1/x", "repository"),
        (".hg/hgrc", "repository"),
        ("x.git/hooks/post-checkout", "hook"),
        ("hooks/pre-commit", "hook"),
        (".husky/pre-commit", "hook"),
        ("nul", "device"),
        ("a/CON.txt", "device"),
        ("com1.log", "device"),
        ("n" * 256, "255 bytes"),
        ("名" * 86, "255 bytes"),
        ("a/" * 600 + "b", "1,024 bytes"),
        ("a/" * 65 + "b", "64 folders"),
    ],
)
def test_refused(text: str, why: str) -> None:
    with pytest.raises(PathError, match=why.replace("+", r"\+")):
        split(text)


@pytest.mark.parametrize("text", [".", "./", "a/", "a/.", "a//"])
def test_a_folder_is_no_file(text: str) -> None:
    with pytest.raises(PathError, match="is a folder"):
        split_file(text)


def test_the_error_names_the_parameter_and_shows_the_path_harmlessly() -> None:
    with pytest.raises(PermanentError) as caught:
        given("a\x1b[31m", "to")
    assert caught.value.code == "INVALID_PATH"
    assert caught.value.message == 'the parameter "to" is "a\\x1b[31m", which has the character U+001B, ' + (
        "which no path may have"
    )


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\photo.jpg", "photo.jpg"),
        ("a\x00b\r\n.txt", "a_b__.txt"),
        ('x"<>|?*:.txt', "x_______.txt"),
        ("", "file"),
        ("..", "file"),
        ("con", "file"),
        (".git", "file"),
        ("名" * 200 + ".pdf", "名" * 83 + ".pdf"),
        ("x" * 300, "x" * 255),
    ],
)
def test_safe_name(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_printable_is_cut() -> None:
    assert printable("a\u202eb" + "x" * 300, 10) == "a\\u202eb" + "x" * 7 + "…"
