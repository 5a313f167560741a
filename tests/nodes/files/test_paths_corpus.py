"""Hostile paths and archives, and controls that must work, through FILE_OPERATION."""

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nodes.errors import PermanentError
from nodes.files.store import FileStore
from services.gateway.bodies import read_form
from services.gateway.failures import HANDLERS
from services.gateway.server import HttpServer
from tests.nodes.files.conftest import LIMIT

MARKER = Path("/tmp/pwned-marker")
CORPUS = Path(__file__).parents[2] / "corpus" / "paths.jsonl"


def rows() -> list[Any]:
    found = [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]
    return [pytest.param(row, id=row["id"]) for row in found]


def set_up(root: Path, steps: list[dict[str, Any]]) -> None:
    for step in steps:
        if "symlink" in step:
            (root / step["symlink"]).symlink_to(step["to"])
        elif "hardlink" in step:
            (root / step["hardlink"]).hardlink_to(step["to"])
        elif "fifo" in step:
            os.mkfifo(root / step["fifo"])
        elif "sparse" in step:
            with (root / step["sparse"]).open("wb") as file:
                file.truncate(step["bytes"])
        else:
            raise AssertionError(f"a step that isn't known: {step}")


def archive(name: str, entries: list[dict[str, Any]]) -> bytes:
    packed = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(packed, "w") as zipped:
            for number, entry in enumerate(entries):
                member = zipfile.ZipInfo(entry["name"])
                if "symlink" in entry:
                    member.external_attr = 0o120777 << 16
                zipped.writestr(member, entry.get("symlink", f"content {number}"))
        return packed.getvalue()
    with tarfile.open(fileobj=packed, mode="w") as tarred:
        for number, entry in enumerate(entries):
            tarred.addfile(*tar_member(entry, f"content {number}".encode()))
    return packed.getvalue()


def tar_member(entry: dict[str, Any], content: bytes) -> tuple[tarfile.TarInfo, io.BytesIO]:
    member = tarfile.TarInfo(entry["name"])
    member.mode = int(entry.get("mode", "644"), 8)
    if "symlink" in entry or "hardlink" in entry:
        member.type = tarfile.SYMTYPE if "symlink" in entry else tarfile.LNKTYPE
        member.linkname = entry.get("symlink") or entry["hardlink"]
    elif "chardev" in entry:
        member.type = tarfile.CHRTYPE
        member.devmajor, member.devminor = entry["chardev"]
    else:
        member.size = len(content)
    return member, io.BytesIO(content)


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


@pytest.mark.parametrize("row", rows())
@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_row(row: dict[str, Any], local: FileStore, tmp_path: Path, operate: Callable[..., Any]) -> None:
    root = tmp_path / "store" / "ws" / "files"
    root.mkdir(parents=True)
    (tmp_path / "store" / "ws-43" / "files").mkdir(parents=True)
    (tmp_path / "store" / "ws-43" / "files" / "x").write_text("another's")
    set_up(root, row.get("setup", []))
    before = tree(tmp_path)
    refused = await refusal(act(row, local, root, operate))
    assert "\x1b" not in refused
    if row["expect"] == "allow":
        assert not refused
    elif row.get("also_ok") in ("allow-stripped", "allow-last", "allow-literal"):
        assert refused or not [path for path in root.rglob("*") if path.is_file() and path.stat().st_mode & 0o7111]
    else:
        assert refused
    if refused:
        expected = before + ([f"store/ws/files/{row['path']}"] if row["op"] == "extract" else [])
        left = [path for path in tree(tmp_path) if not path.startswith("store/.incoming")]
        assert left == sorted(expected)
    assert MARKER.name not in os.listdir(MARKER.parent)
    await operate(local, "write", path="next", content="works")


async def refusal(action: Awaitable[None]) -> str:
    try:
        await action
    except PermanentError as error:
        return f"{error.code}: {error.message}"
    return ""


async def act(row: dict[str, Any], store: FileStore, root: Path, operate: Callable[..., Any]) -> None:
    path = row["path"]
    match row["op"]:
        case "read":
            for form in ("file", "text"):
                await operate(store, "read", path=path, **{"as": form})
        case "write":
            await operate(store, "write", path=path, content="x")
        case "list":
            await operate(store, "list", path=path)
        case "extract":
            (root / path).write_bytes(archive(path, row["entries"]))
            await operate(store, "unzip", path=path)
        case "upload" if isinstance(row.get("content_type"), list):
            await upload(store, row["content_type"], operate)
        case "upload":
            item = {"json": {}, "files": row["body"]["files"]}
            await operate(store, "write", item, path="upload", file=next(iter(item["files"])))
        case _:
            raise AssertionError(f"an operation that isn't known: {row['op']}")


async def upload(store: FileStore, content_types: list[str], operate: Callable[..., Any]) -> None:
    """Posts a file to an endpoint that reads its form as the gateway's do; PermanentError as it was refused."""

    async def receive(request: Request) -> JSONResponse:
        (file,) = (await read_form(request)).uploads
        await operate(store, "write", path="upload", content=file.content.decode())
        return JSONResponse({})

    server = HttpServer(host="127.0.0.1", port=0)
    await server.start(Starlette(routes=[Route("/", receive, methods=["POST"])], exception_handlers=HANDLERS))
    body = b'--x\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nhello\r\n--x--\r\n'
    try:
        async with httpx.AsyncClient(timeout=60) as client:
            headers = [("content-type", value) for value in content_types]
            answer = await client.post(server.url, content=body, headers=headers)
    finally:
        await server.stop(1)
    if answer.status_code != 200:
        assert answer.status_code == 400
        raise PermanentError(answer.json()["message"], code=answer.json()["reason"])


async def test_an_upload_of_one_type_is_taken(local: FileStore, tmp_path: Path, operate: Callable[..., Any]) -> None:
    (tmp_path / "store" / "ws" / "files").mkdir(parents=True)
    await upload(local, ["multipart/form-data; boundary=x"], operate)
    assert (tmp_path / "store" / "ws" / "files" / "upload").read_text() == "hello"


def test_a_file_above_the_limit_is_in_the_corpus() -> None:
    assert any(step.get("bytes", 0) > LIMIT for row in rows() for step in row.values[0].get("setup", []))
