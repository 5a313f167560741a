"""What every kind of store does alike, and what a folder must refuse."""

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import pytest

from nodes.errors import NodeError
from nodes.files.storage import Storage
from nodes.files.store import FileStore


@pytest.fixture
def storage(store: FileStore) -> Storage:
    return store.folder("ws")


def put(storage: Storage, path: str, content: bytes = b"x", *, overwrite: bool = True) -> None:
    with storage.write(tuple(path.split("/")), overwrite=overwrite) as file:
        file.write(content)


def get(storage: Storage, path: str) -> bytes:
    with storage.open(tuple(path.split("/"))) as file:
        return file.read()


def interrupt(writing: AbstractContextManager[BinaryIO]) -> None:
    with writing as file:
        file.write(b"after")
        raise ValueError("midway")


def names(storage: Storage, folder: str = "") -> list[str]:
    return ["/".join(entry.path) for entry in storage.scan(tuple(folder.split("/")) if folder else ())]


def code_of(action: object) -> str:
    with pytest.raises(NodeError) as caught:
        action()  # type: ignore[operator]
    return caught.value.code


def test_what_is_written_is_read(storage: Storage) -> None:
    put(storage, "a/b/c.txt", b"one")
    put(storage, "a/b/c.txt", b"two")
    assert get(storage, "a/b/c.txt") == b"two"
    entry = storage.entry(("a", "b", "c.txt"))
    assert (entry.size, entry.is_folder) == (3, False)
    assert entry.modified is not None
    assert storage.entry(("a", "b")).is_folder


def test_reading_can_seek(storage: Storage) -> None:
    put(storage, "a", bytes(range(256)) * 100)
    with storage.open(("a",)) as file:
        assert file.seek(0, 2) == 25600
        file.seek(-2, 2)
        assert file.read(2) == b"\xfe\xff"


def test_a_failure_leaves_what_was_there(storage: Storage) -> None:
    put(storage, "a", b"before")
    for writing in (storage.write(("a",)), storage.append(("a",)), storage.write(("b",))):
        with pytest.raises(ValueError, match="midway"):
            interrupt(writing)
    assert get(storage, "a") == b"before"
    assert names(storage) == ["a"]


def test_append(storage: Storage) -> None:
    for piece in (b"one ", b"two"):
        with storage.append(("log", "a")) as file:
            file.write(piece)
    assert get(storage, "log/a") == b"one two"


def test_scan_is_in_order_and_of_one_level(storage: Storage) -> None:
    assert names(storage) == []
    for path in ("b", "a/x", "a/y/z", "c"):
        put(storage, path)
    assert names(storage) == ["a", "b", "c"]
    assert names(storage, "a") == ["a/x", "a/y"]
    assert [entry.is_folder for entry in storage.scan(("a",))] == [False, True]


def test_move(storage: Storage) -> None:
    put(storage, "a", b"1")
    storage.move(("a",), ("d", "b"))
    assert names(storage) == ["d"]
    assert get(storage, "d/b") == b"1"
    storage.move(("d", "b"), ("d", "b"))
    assert get(storage, "d/b") == b"1"


def test_delete(storage: Storage) -> None:
    put(storage, "a/b")
    put(storage, "a/c/d")
    assert code_of(lambda: storage.delete(("a",))) == "FOLDER_NOT_EMPTY"
    storage.delete(("a", "b"))
    assert names(storage, "a") == ["a/c"]
    storage.delete(("a",), recursive=True)
    assert names(storage) == []


def test_without_overwriting(storage: Storage) -> None:
    put(storage, "a", b"1")
    put(storage, "b", b"2")
    put(storage, "new", b"3", overwrite=False)
    assert code_of(lambda: put(storage, "a", b"3", overwrite=False)) == "FILE_EXISTS"
    assert code_of(lambda: storage.move(("b",), ("a",), overwrite=False)) == "FILE_EXISTS"
    assert (get(storage, "a"), get(storage, "b"), get(storage, "new")) == (b"1", b"2", b"3")


def test_what_is_missing_or_of_the_wrong_kind(storage: Storage) -> None:
    put(storage, "folder/file")
    assert code_of(lambda: get(storage, "none")) == "FILE_NOT_FOUND"
    assert code_of(lambda: storage.entry(("none", "x"))) == "FILE_NOT_FOUND"
    assert code_of(lambda: storage.delete(("none",))) == "FILE_NOT_FOUND"
    assert code_of(lambda: storage.move(("none",), ("x",))) == "FILE_NOT_FOUND"
    assert code_of(lambda: storage.scan(("none",))) == "FILE_NOT_FOUND"
    assert code_of(lambda: get(storage, "folder")) == "NOT_A_FILE"
    assert code_of(lambda: put(storage, "folder")) == "NOT_A_FILE"
    assert code_of(lambda: storage.move(("folder",), ("x",))) == "NOT_A_FILE"
    assert code_of(lambda: storage.scan(("folder", "file"))) == "NOT_A_FOLDER"
    assert code_of(lambda: put(storage, "folder/file/x")) in ("NOT_A_FILE", "NOT_A_FOLDER")


def test_a_workspace_sees_only_its_own(store: FileStore) -> None:
    for workspace in ("ws", "WS", "../ws", "ws/files", "", "名", ".incoming", "con", "\ud800"):
        put(store.folder(workspace), "who", workspace.encode("utf-8", "surrogatepass"))
    assert get(store.folder("ws"), "who") == b"ws"
    assert get(store.folder("WS"), "who") == b"WS"
    assert get(store.folder("../ws"), "who") == b"../ws"
    assert get(store.folder("\ud800"), "who") == b"\xed\xa0\x80"
    assert names(store.folder("another")) == []


@pytest.mark.parametrize("path", ["a::b", "a?versionId=1"])
def test_what_fsspec_takes_for_its_own(s3_url: str, path: str) -> None:
    storage = FileStore(f"{s3_url}/taken").folder("ws")
    assert code_of(lambda: put(storage, path)) == "INVALID_PATH"


@pytest.mark.parametrize("url", ["", "nosuch://x"])
def test_no_place_is_set(url: str) -> None:
    store = FileStore(url)
    with pytest.raises(NodeError) as caught:
        store.folder("ws")
    assert caught.value.code == "FILES_NOT_CONFIGURED"
    assert "ORCHESTRATOR_FILES_URL" in caught.value.hint


def test_a_store_out_of_reach_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "secret-key-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    storage = FileStore("s3://unreachable/x").folder("ws")
    with pytest.raises(NodeError) as caught:
        storage.entry(("a",))
    assert caught.value.code == "FILE_STORE_FAILED"
    assert "secret" not in caught.value.message


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    put(FileStore(f"file://{tmp_path}/with%20space").folder("ws"), "a", b"1")
    assert (tmp_path / "with space" / "ws" / "files" / "a").read_bytes() == b"1"


@pytest.fixture
def root(local: FileStore, tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    put(local.folder("ws"), "here", b"here")
    return tmp_path / "store" / "ws" / "files"


@pytest.mark.parametrize("sort", ["link", "hard link", "pipe", "dangling link", "socket"])
def test_only_regular_files(local: FileStore, root: Path, tmp_path: Path, sort: str) -> None:
    secret = tmp_path / "outside" / "secret"
    match sort:
        case "link":
            (root / "x").symlink_to(secret)
        case "dangling link":
            (root / "x").symlink_to(tmp_path / "outside" / "new")
        case "hard link":
            (root / "x").hardlink_to(secret)
        case "pipe":
            os.mkfifo(root / "x")
        case "socket":
            os.mknod(root / "x", 0o140600)
    storage = local.folder("ws")
    for action in (
        lambda: get(storage, "x"),
        lambda: put(storage, "x"),
        lambda: storage.append(("x",)).__enter__(),
        lambda: storage.entry(("x",)),
        lambda: storage.delete(("x",)),
        lambda: storage.move(("x",), ("y",)),
        lambda: storage.move(("here",), ("x",)),
    ):
        assert code_of(action) == "NOT_A_FILE"
    assert names(storage) == ["here"]
    assert secret.read_text() == "secret"
    assert not (tmp_path / "outside" / "new").exists()


def test_links_to_folders_are_not_followed(local: FileStore, root: Path, tmp_path: Path) -> None:
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "inside").symlink_to(root)
    storage = local.folder("ws")
    for link in ("out", "inside"):
        for action in (
            lambda link=link: get(storage, f"{link}/secret"),
            lambda link=link: put(storage, f"{link}/new"),
            lambda link=link: storage.scan((link,)),
            lambda link=link: storage.delete((link, "secret")),
            lambda link=link: storage.delete((link,), recursive=True),
            lambda link=link: storage.move(("here",), (link, "here")),
        ):
            assert code_of(action) == "NOT_A_FILE"
    assert sorted(path.name for path in (tmp_path / "outside").iterdir()) == ["secret"]


def test_a_workspace_folder_that_is_a_link(local: FileStore, root: Path, tmp_path: Path) -> None:
    (tmp_path / "store" / "other").symlink_to(tmp_path / "store" / "ws")
    assert code_of(lambda: get(local.folder("other"), "here")) == "NOT_A_FILE"


def test_deleting_a_folder_leaves_what_its_links_lead_to(local: FileStore, root: Path, tmp_path: Path) -> None:
    (root / "d").mkdir()
    (root / "d" / "out").symlink_to(tmp_path / "outside")
    local.folder("ws").delete(("d",), recursive=True)
    assert (tmp_path / "outside" / "secret").read_text() == "secret"


def test_nothing_is_left_of_writing(local: FileStore, root: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="midway"):
        interrupt(local.folder("ws").write(("a",)))
    incoming = tmp_path / "store" / ".incoming"
    assert list(incoming.iterdir()) == []
    abandoned = incoming / "0123"
    abandoned.write_bytes(b"left by a worker that died")
    os.utime(abandoned, (0, 0))
    put(local.folder("ws"), "a")
    assert not abandoned.exists()


def test_files_lose_the_mode_and_the_root_is_private(local: FileStore, root: Path, tmp_path: Path) -> None:
    assert (root / "here").stat().st_mode & 0o7111 == 0
    assert (tmp_path / "store").stat().st_mode & 0o077 == 0


def test_a_file_that_may_not_be_read(local: FileStore, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> int:
        raise PermissionError(13, "Permission denied", str(root))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NodeError) as caught:
        get(local.folder("ws"), "here")
    assert caught.value.code == "FILE_FORBIDDEN"
    assert str(root) not in caught.value.message
