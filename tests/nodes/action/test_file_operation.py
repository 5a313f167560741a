"""FILE_OPERATION, operation by operation, on a folder, in memory and on S3."""

import base64
import io
import threading
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from nodes.action.filing.operation import Desk, StoppedError
from nodes.action.filing.reading import List
from nodes.errors import PermanentError
from nodes.files.store import FileStore
from tests.nodes.files.conftest import LIMIT, local, operate, s3_url, store

__all__ = ["local", "operate", "s3_url", "store"]
Operate = Callable[..., Any]


async def refused(operate: Operate, *given: Any, **parameters: Any) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        await operate(*given, **parameters)
    return caught.value


async def text(operate: Operate, store: FileStore, path: str) -> Any:
    (item,) = await operate(store, "read", path=path, **{"as": "text"})
    return item["json"]["data"]


async def test_write_and_read_text(operate: Operate, store: FileStore) -> None:
    (written,) = await operate(store, "write", path="a/b.csv", content="ä,b")
    facts = {"path": "a/b.csv", "name": "b.csv", "type": "file", "size": 4, "content_type": "text/csv"}
    assert facts.items() <= written["json"].items()
    assert datetime.fromisoformat(written["json"]["modified"]).tzinfo is not None
    (read,) = await operate(store, "read", path="a/b.csv", into="text.csv", **{"as": "text"})
    assert facts.items() <= read["json"].items()
    assert read["json"]["text"] == {"csv": "ä,b"}


async def test_what_is_read_is_carried_and_can_be_written(operate: Operate, store: FileStore) -> None:
    await operate(store, "write", path="a.bin", content=base64.b64encode(b"\x00\xff").decode(), encoding="base64")
    (read,) = await operate(store, "read", path="a.bin", into="photo")
    assert read["files"]["photo"].items() >= {"name": "a.bin", "size": 2}.items()
    await operate(store, "write", path="a.bin", content="changed meanwhile")
    (written,) = await operate(store, "write", read, path="copy.bin", file="photo")
    assert written["files"] == read["files"]
    (again,) = await operate(store, "read", path="copy.bin", **{"as": "base64"})
    assert again["json"]["data"] == "AP8="


@pytest.mark.parametrize(
    ("content", "items"),
    [
        ({"a": 12345678901234567890}, [{"a": 12345678901234567890}]),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}]),
        ([1, 2], [{"data": [1, 2]}]),
        ("\ufeff7", [{"data": 7}]),
    ],
)
async def test_json(operate: Operate, local: FileStore, content: Any, items: list[Any]) -> None:
    await operate(local, "write", path="a.json", content=content)
    assert [item["json"] for item in await operate(local, "read", path="a.json", **{"as": "json"})] == items
    (whole,) = await operate(local, "read", path="a.json", into="found", **{"as": "json"})
    assert whole["json"]["name"] == "a.json"
    assert "found" in whole["json"]


async def test_encodings(operate: Operate, local: FileStore) -> None:
    await operate(local, "write", path="a", content="ä", encoding="latin-1")
    (item,) = await operate(local, "read", path="a", encoding="latin-1", **{"as": "text"})
    assert item["json"]["data"] == "ä"
    assert (await refused(operate, local, "read", path="a", **{"as": "text"})).code == "NOT_TEXT"
    assert (await refused(operate, local, "read", path="a", encoding="latin-1", **{"as": "json"})).code == "NOT_JSON"
    assert "latin-1" in (await refused(operate, local, "write", path="a", content="名", encoding="latin-1")).message
    assert "base64" in (await refused(operate, local, "write", path="a", content="?", encoding="base64")).message


async def test_append(operate: Operate, store: FileStore) -> None:
    await operate(store, "append", path="log.txt", content="one", line_break=True)
    (item,) = await operate(store, "append", path="log.txt", content={"two": 2}, line_break=True)
    assert await text(operate, store, "log.txt") == 'one\n{"two":2}\n'
    assert item["json"]["size"] == 14


async def test_list(operate: Operate, store: FileStore) -> None:
    for path in ("a.csv", "b.txt", "r/c.csv", "r/s/d.csv", "r/s/e.txt"):
        await operate(store, "write", path=path, content="x")

    async def listed(**parameters: Any) -> list[str]:
        return [item["json"]["path"] for item in await operate(store, "list", **parameters)]

    assert await listed() == ["a.csv", "b.txt", "r"]
    assert await listed(kind="folders") == ["r"]
    assert await listed(kind="files", path="./") == ["a.csv", "b.txt"]
    assert await listed(recursive=True) == ["a.csv", "b.txt", "r", "r/c.csv", "r/s", "r/s/d.csv", "r/s/e.txt"]
    assert await listed(recursive=True, limit=2) == ["a.csv", "b.txt"]
    assert await listed(path="*.csv") == ["a.csv"]
    assert await listed(path="**/*.csv") == ["a.csv", "r/c.csv", "r/s/d.csv"]
    assert await listed(path="*.csv", recursive=True) == ["a.csv", "r/c.csv", "r/s/d.csv"]
    assert await listed(path="r/*/[de].*") == ["r/s/d.csv", "r/s/e.txt"]
    assert await listed(path="r/**") == ["r/c.csv", "r/s", "r/s/d.csv", "r/s/e.txt"]
    assert await listed(path="?.txt") == ["b.txt"]
    assert await listed(path="nothing*") == []
    assert (await refused(operate, store, "list", path="none")).code == "FILE_NOT_FOUND"
    assert (await refused(operate, store, "list", path="a.csv")).code == "NOT_A_FOLDER"


async def test_copy_and_move(operate: Operate, store: FileStore) -> None:
    await operate(store, "write", path="a", content="1")
    (item,) = await operate(store, "copy", path="a", to="x/b")
    assert (item["json"]["path"], item["json"]["from"]) == ("x/b", "a")
    await operate(store, "move", path="x/b", to="c")
    assert await text(operate, store, "c") == "1"
    assert await text(operate, store, "a") == "1"
    for operation in ("copy", "move"):
        error = await refused(operate, store, operation, path="a", to="c", overwrite=False)
        assert error.code == "FILE_EXISTS"
        assert (await refused(operate, store, operation, path="x/b", to="d")).code == "FILE_NOT_FOUND"
        assert (await refused(operate, store, operation, path="a", to="../d")).code == "INVALID_PATH"
    assert (await refused(operate, store, "write", path="a", content="2", overwrite=False)).code == "FILE_EXISTS"


async def test_delete_and_info(operate: Operate, store: FileStore) -> None:
    await operate(store, "write", path="d/a", content="1")
    (info,) = await operate(store, "info", path="d/a")
    assert info["json"].items() >= {"exists": True, "path": "d/a", "size": 1}.items()
    (folder,) = await operate(store, "info", path="d")
    assert folder["json"].items() >= {"type": "folder", "name": "d"}.items()
    assert (await refused(operate, store, "delete", path="d")).code == "FOLDER_NOT_EMPTY"
    assert (await refused(operate, store, "delete", path=".", recursive=True)).code == "INVALID_PATH"
    (gone,) = await operate(store, "delete", path="d", recursive=True)
    assert gone["json"] == {"path": "d", "deleted": True}
    assert (await refused(operate, store, "delete", path="d")).code == "FILE_NOT_FOUND"
    assert (await refused(operate, store, "info", path="d/a")).code == "FILE_NOT_FOUND"
    (absent,) = await operate(store, "info", path="d/a", must_exist=False)
    assert absent["json"] == {"exists": False, "path": "d/a"}
    (kept,) = await operate(store, "delete", path="d", must_exist=False)
    assert kept["json"] == {"path": "d", "deleted": False}


async def test_zip_and_unzip(operate: Operate, store: FileStore) -> None:
    for path in ("a.txt", "r/b.txt", "r/s/c.txt", "r/s/d.csv"):
        await operate(store, "write", path=path, content=path)
    (carried,) = await operate(store, "read", path="a.txt", into="mine")
    carried["files"]["mine"]["name"] = "../carried.txt"
    (packed,) = await operate(
        store, "zip", carried, path="r/all.zip", sources=["r", "a.*"], files="mine", overwrite=False
    )
    assert packed["json"]["members"] == ["carried.txt", "r/b.txt", "r/s/c.txt", "r/s/d.csv", "a.txt"]
    (archive,) = await operate(store, "read", path="r/all.zip", into="zip")
    for given in ({"path": "r/all.zip"}, {"file": "zip"}):
        items = await operate(store, "unzip", archive, to="out", **given)
        assert [item["json"]["path"] for item in items] == [f"out/{name}" for name in packed["json"]["members"]]
        assert await text(operate, store, "out/r/s/c.txt") == "r/s/c.txt"
    error = await refused(operate, store, "unzip", path="r/all.zip", to="out", overwrite=False)
    assert error.code == "FILE_EXISTS"
    await operate(store, "delete", path="out/r", recursive=True)
    assert (await refused(operate, store, "unzip", path="r/all.zip", max_members=2)).code == "ARCHIVE_TOO_LARGE"


async def test_a_bad_archive_leaves_nothing(operate: Operate, local: FileStore) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("fine", "x")
        archive.writestr("../evil", "x")
    content = base64.b64encode(packed.getvalue()).decode()
    await operate(local, "write", path="in.zip", content=content, encoding="base64")
    assert (await refused(operate, local, "unzip", path="in.zip")).code == "UNSAFE_ARCHIVE"
    await operate(local, "write", path="out/fine/x", content="a folder is where the file should go")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("also", "x")
        archive.writestr("fine", "x")
    content = base64.b64encode(packed.getvalue()).decode()
    await operate(local, "write", path="in.zip", content=content, encoding="base64")
    assert (await refused(operate, local, "unzip", path="in.zip", to="out")).code == "NOT_A_FILE"
    assert [item["json"]["path"] for item in await operate(local, "list")] == ["in.zip", "out"]
    assert [item["json"]["path"] for item in await operate(local, "list", path="out")] == ["out/fine"]


async def test_limits(operate: Operate, local: FileStore) -> None:
    too_much = "x" * (LIMIT + 1)
    for operation in ("write", "append"):
        error = await refused(operate, local, operation, path="a", content=too_much)
        assert error.code == "FILE_TOO_LARGE"
        assert "ORCHESTRATOR_MAX_FILE_MB" in error.hint
    await operate(local, "write", path="a", content="x" * LIMIT)
    assert (await refused(operate, local, "append", path="a", content="x")).code == "FILE_TOO_LARGE"
    (found,) = await operate(local, "info", path="a")
    assert found["json"]["size"] == LIMIT
    smaller = FileStore(local.url, limit=LIMIT - 1)
    for operation, more in (("read", {}), ("read", {"as": "text"}), ("copy", {"to": "b"})):
        assert (await refused(operate, smaller, operation, path="a", **more)).code == "FILE_TOO_LARGE"
    assert (await refused(operate, smaller, "zip", path="b", sources="a")).code == "FILE_TOO_LARGE"
    assert [item["json"]["path"] for item in await operate(local, "list", kind="files")] == ["a"]


async def test_the_items_file(operate: Operate, local: FileStore) -> None:
    error = await refused(operate, local, "write", {"json": {}, "files": {"a": {}}}, path="x", file="b")
    assert error.code == "MISSING_FILE"
    error = await refused(operate, local, "write", {"json": {}, "files": {"a": {"ref": "x"}}}, path="x", file="a")
    assert error.code == "INVALID_FILE_REFERENCE"


async def test_two_sources_of_one_name(operate: Operate, local: FileStore) -> None:
    await operate(local, "write", path="a", content="1")
    error = await refused(operate, local, "zip", path="z.zip", sources=["a", "./a"])
    assert 'two files to pack are called "a"' in error.message
    assert [item["json"]["path"] for item in await operate(local, "list")] == ["a"]


async def test_no_place_is_set(operate: Operate) -> None:
    assert (await refused(operate, FileStore(""), "list")).code == "FILES_NOT_CONFIGURED"


def test_it_stops_when_nobody_waits(local: FileStore) -> None:
    stopped = threading.Event()
    stopped.set()
    desk = Desk({"json": {}}, local.folder("ws"), local.of("ws", "run"), datetime.now(UTC), stopped)
    with pytest.raises(StoppedError):
        List(operation="list").carry_out(desk)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"operation": "read"}, 'the parameter "path" is missing'),
        ({"operation": "erase"}, 'the parameter "operation" is the text "erase"; expected one of "read"'),
        ({}, 'the parameter "operation" is missing'),
        ({"operation": "read", "path": "a", "content": "x"}, 'the parameter "content" is unknown'),
        ({"operation": "write", "path": "a"}, 'the parameter "content" is missing; write what the file is to hold'),
        ({"operation": "write", "path": "a", "content": "x", "file": "y"}, 'has both "content" and "file"'),
        ({"operation": "write", "path": "a", "content": "x", "encoding": "utf-88"}, 'is "utf-88", which is no enc'),
        ({"operation": "read", "path": "a", "encoding": "base64"}, 'is "base64", which is no encoding'),
        ({"operation": "zip", "path": "a"}, 'the parameter "sources" is missing'),
        ({"operation": "unzip"}, 'the parameter "path" is missing'),
        ({"operation": "list", "limit": 0}, 'the parameter "limit" is the number 0; expected at least 1'),
        ({"operation": "read", "path": "a", "as": "xml"}, 'the parameter "as" is the text "xml"'),
    ],
)
def test_problems(problems: Callable[..., Any], parameters: dict[str, Any], message: str) -> None:
    assert message in " ".join(problem.message for problem in problems("ACTION.FILE_OPERATION", **parameters))


@pytest.mark.parametrize(
    "parameters",
    [
        {"operation": "write", "path": "{{ $json.path }}", "content": "{{ $json.text }}"},
        {"operation": "zip", "path": "a.zip", "sources": "{{ $json.paths }}"},
        {"operation": "zip", "path": "a.zip", "files": ["{{ $json.name }}"]},
        {"operation": "unzip", "file": "{{ $json.name }}", "encoding": "{{ $json.encoding }}"},
        {"operation": "list", "limit": "{{ $json.limit }}"},
    ],
)
def test_expressions_stand_for_any_value(problems: Callable[..., Any], parameters: dict[str, Any]) -> None:
    assert problems("ACTION.FILE_OPERATION", **parameters) == []
