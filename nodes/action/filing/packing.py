"""Operations on archives: zip, unzip."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Annotated, BinaryIO, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from nodes.action.filing.operation import (
    OVERWRITE,
    Desk,
    Encoding,
    FileName,
    FileTask,
    PathText,
    described,
    shown_path,
    with_files,
)
from nodes.base import Item, PermanentError
from nodes.files.archive import MOST_MEMBERS, Archive, Limits, Member, opened
from nodes.files.glob import find, is_pattern
from nodes.files.item_file import item_file
from nodes.files.path import Segments, given, safe_name
from nodes.files.storage import Entry, existing, not_a_file, shown_size
from nodes.parameters import STRUCTURAL, absent, misuse

_EARLIEST = (1980, 1, 1, 0, 0, 0)
Names = Annotated[list[PathText], BeforeValidator(lambda one: [one] if isinstance(one, str) else one)]


class Zip(FileTask):
    """Packs files into a zip archive."""

    operation: Annotated[Literal["zip"], STRUCTURAL] = Field(description="Pack files into a zip archive.")
    path: PathText = Field(description="The path of the archive to write, such as reports/2026.zip.")
    sources: Names = Field(
        default_factory=list, description="What to pack: paths of files and folders, or patterns such as reports/*.csv."
    )
    files: Names = Field(default_factory=list, description="The names of the item's files to pack.")
    overwrite: bool = Field(default=True, description=OVERWRITE)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.sources and not self.files:
            raise absent("sources", "say what to pack, or name files of the item in `files`")
        return self

    def carry_out(self, desk: Desk) -> Sequence[Item]:
        """Packs them; an item that describes the archive."""
        path = given(self.path, "path")
        packed: dict[str, None] = {}
        size = 0
        with (
            desk.storage.write(path, overwrite=self.overwrite) as target,
            zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for name, when, source in self._sources(desk, path):
                if name in packed:
                    raise PermanentError(f'two files to pack are called "{name}"', code="INVALID_PARAMETER")
                packed[name] = None
                _require_few(len(packed))
                with source as content, archive.open(_member(name, when), "w", force_zip64=True) as member:
                    for piece in desk.pieces(content, name):
                        size += len(piece)
                        _require_small(size, desk.run.limit)
                        member.write(piece)
        facts = described(desk.storage.entry(path)) | {"members": list(packed), "unpacked_size": size}
        return [with_files(desk.item, facts)]

    def _sources(self, desk: Desk, target: Segments) -> Iterator[tuple[str, datetime, BinaryIO]]:
        for name in self.files:
            carried = item_file(desk.item, name, "files")
            content = desk.run.open_now(carried)
            yield safe_name(str(carried.get("name", ""))), desk.now, content
        for position, text in enumerate(self.sources):
            for entry in _found(desk, given(text, f"sources.{position}", folder=True)):
                if entry.path != target:
                    yield shown_path(entry.path), entry.modified or desk.now, desk.storage.open(entry.path)


class Unzip(FileTask):
    """Unpacks an archive."""

    operation: Annotated[Literal["unzip"], STRUCTURAL] = Field(
        description="Unpack an archive: zip, tar, or tar in gzip or bzip2."
    )
    path: PathText | None = Field(default=None, description="The archive's path. Or name a file of the item.")
    file: FileName | None = Field(default=None, description="The name of the item's file that is the archive.")
    to: PathText = Field(default=".", description="The folder to unpack into.")
    overwrite: bool = Field(default=True, description=OVERWRITE)
    encoding: Encoding | None = Field(
        default=None, max_length=40, description="How names are written that don't say so, such as cp932."
    )
    max_members: int = Field(default=MOST_MEMBERS, ge=1, le=MOST_MEMBERS, description="The most members to unpack.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.path is None and self.file is None:
            raise absent("path", "say where the archive is, or name a file of the item in `file`")
        if self.path is not None and self.file is not None:
            raise misuse('has both "path" and "file"; only one can be unpacked')
        return self

    def carry_out(self, desk: Desk) -> Sequence[Item]:
        """Checks the whole archive, then unpacks it; an item for each file."""
        to = given(self.to, "to", folder=True)
        with self._source(desk) as source, opened(source, self.encoding) as archive:
            packed = source.seek(0, 2)
            source.seek(0)
            members = archive.check(Limits(desk.run.limit, self.max_members), packed, desk.check)
            files = [(_place(member, to), member) for member in members if not member.is_folder]
            for path, _ in files:
                _require_free(desk, path, self.overwrite)
            return [self._unpacked(desk, archive, member, path) for path, member in files]

    def _source(self, desk: Desk) -> AbstractContextManager[BinaryIO]:
        if self.file is not None:
            return desk.run.open_now(item_file(desk.item, self.file, "file"))
        return desk.storage.open(given(self.path or "", "path"))

    def _unpacked(self, desk: Desk, archive: Archive, member: Member, path: Segments) -> Item:
        with desk.storage.write(path, overwrite=self.overwrite) as target:
            for piece in archive.pieces(member):
                desk.check()
                target.write(piece)
        return {"json": described(desk.storage.entry(path))}


def _found(desk: Desk, path: Segments) -> Iterator[Entry]:
    if is_pattern(path):
        found = find(desk.storage, path, recursive=False, check=desk.check)
    else:
        entry = desk.storage.entry(path)
        found = find(desk.storage, path, recursive=True, check=desk.check) if entry.is_folder else iter([entry])
    return (entry for entry in found if not entry.is_folder)


def _member(name: str, when: datetime) -> zipfile.ZipInfo:
    date = (when.year, when.month, when.day, when.hour, when.minute, when.second)
    member = zipfile.ZipInfo(name, max(date, _EARLIEST))
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    return member


def _place(member: Member, to: Segments) -> Segments:
    return given("/".join((*to, *member.path)), "to")


def _require_free(desk: Desk, path: Segments, overwrite: bool) -> None:
    desk.check()
    try:
        found = desk.storage.entry(path)
    except PermanentError as error:
        if error.code != "FILE_NOT_FOUND":
            raise
        return
    if found.is_folder:
        raise not_a_file(path)
    if not overwrite:
        raise existing(path)


def _require_few(count: int) -> None:
    if count > MOST_MEMBERS:
        raise PermanentError(f"there are more than {MOST_MEMBERS:,} files to pack", code="LIMIT_EXCEEDED")


def _require_small(size: int, limit: int) -> None:
    if size > limit:
        raise PermanentError(
            f"the files to pack are larger than {shown_size(limit)} together",
            code="FILE_TOO_LARGE",
            hint="pack fewer at a time",
        )
