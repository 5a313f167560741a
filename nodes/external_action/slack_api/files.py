"""Operations on files: upload one."""

from typing import Annotated, Any, Literal

from pydantic import Field

from nodes.external_action.slack_api.client import SlackApi
from nodes.external_action.slack_api.messages import Timestamp
from nodes.external_action.vendor import Operation
from nodes.files.item_file import item_file
from nodes.http.request import target
from nodes.parameters import STRUCTURAL


class UploadFile(Operation[SlackApi]):
    """Uploads a file of the item, and shares it in a channel if one is named."""

    operation: Annotated[Literal["upload_file"], STRUCTURAL] = Field(description="Upload a file.")
    file: str = Field(min_length=1, description="The name of the item's file.")
    channel: str | None = Field(default=None, description="The id of the channel to share it in.")
    filename: str | None = Field(default=None, max_length=255, description="The name it gets; by default its own.")
    title: str | None = Field(default=None, max_length=255, description="The title; by default the name.")
    initial_comment: str | None = Field(default=None, description="The message it comes with.")
    thread_ts: Timestamp | None = Field(default=None, description="The `ts` of the message to answer with it.")
    alt_txt: str | None = Field(default=None, max_length=1000, description="What is to be seen on a picture.")

    async def perform(self, api: SlackApi) -> dict[str, Any]:
        """Asks where to, sends the content there, and says that it is complete."""
        file = item_file(api.context.item, self.file, "file")
        name = self.filename or file["name"]
        what = f'the file "{name}"'
        where = await api.get(
            "files.getUploadURLExternal", what, filename=name, length=file["size"], alt_txt=self.alt_txt
        )
        url, file_id = where.get("upload_url"), where.get("file_id")
        if not isinstance(url, str) or not isinstance(file_id, str):
            raise api.malformed('no "upload_url" and "file_id"')
        headers = {"content-type": "application/octet-stream", "content-length": str(file["size"])}
        content = api.context.files.open(file)
        await api.exchange("POST", target(url, []), what=what, headers=headers, content=content)
        shared = await api.post(
            "files.completeUploadExternal",
            f'{what} in the channel "{self.channel}"' if self.channel else what,
            files=[{"id": file_id, "title": self.title or name}],
            channel_id=self.channel,
            initial_comment=self.initial_comment,
            thread_ts=self.thread_ts,
        )
        files = shared.get("files")
        if not isinstance(files, list) or not files or not isinstance(files[0], dict):
            raise api.malformed('no list "files"')
        return files[0]
