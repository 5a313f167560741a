"""Operations that put files elsewhere, or away: copy, move, delete."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from nodes.action.filing.operation import (
    OVERWRITE,
    PATH,
    Desk,
    FileTask,
    PathText,
    described,
    shown_path,
    with_files,
)
from nodes.base import Item, PermanentError
from nodes.files.path import given
from nodes.parameters import STRUCTURAL

_TO = "The path that it gets, the file's name included."


class Copy(FileTask):
    """Copies a file."""

    operation: Annotated[Literal["copy"], STRUCTURAL] = Field(description="Copy a file.")
    path: PathText = Field(description=PATH)
    to: PathText = Field(description=_TO)
    overwrite: bool = Field(default=True, description=OVERWRITE)

    def carry_out(self, desk: Desk) -> Sequence[Item]:
        """Copies it."""
        path, to = given(self.path, "path"), given(self.to, "to")
        if path != to:
            with desk.storage.open(path) as source, desk.storage.write(to, overwrite=self.overwrite) as target:
                desk.copy(source, target, shown_path(path))
        return [with_files(desk.item, described(desk.storage.entry(to)) | {"from": shown_path(path)})]


class Move(FileTask):
    """Moves a file."""

    operation: Annotated[Literal["move"], STRUCTURAL] = Field(description="Move or rename a file.")
    path: PathText = Field(description=PATH)
    to: PathText = Field(description=_TO)
    overwrite: bool = Field(default=True, description=OVERWRITE)

    def carry_out(self, desk: Desk) -> Sequence[Item]:
        """Moves it."""
        path, to = given(self.path, "path"), given(self.to, "to")
        desk.storage.move(path, to, overwrite=self.overwrite)
        return [with_files(desk.item, described(desk.storage.entry(to)) | {"from": shown_path(path)})]


class Delete(FileTask):
    """Deletes a file or folder."""

    operation: Annotated[Literal["delete"], STRUCTURAL] = Field(description="Delete a file or folder.")
    path: PathText = Field(description="The path of a file or folder.")
    recursive: bool = Field(default=False, description="Delete a folder with everything in it.")
    must_exist: bool = Field(default=True, description="Fail if nothing is there; otherwise `deleted` is false.")

    def carry_out(self, desk: Desk) -> Sequence[Item]:
        """Deletes it."""
        path = given(self.path, "path", folder=True)
        if not path:
            raise PermanentError('the parameter "path" is the workspace\'s folder itself', code="INVALID_PATH")
        deleted = True
        try:
            desk.storage.delete(path, recursive=self.recursive)
        except PermanentError as error:
            if self.must_exist or error.code != "FILE_NOT_FOUND":
                raise
            deleted = False
        return [with_files(desk.item, {"path": shown_path(path), "deleted": deleted})]
