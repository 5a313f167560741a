"""Makes an item of an HTTP answer: JSON and text as they are, anything else as a file."""

import mimetypes
from typing import Any

from nodes.base import Item, NodeExecutionContext, PermanentError
from nodes.http.exchange import Answer
from orchestrator import exact_json


async def item_of(context: NodeExecutionContext[Any], answer: Answer, name: str) -> Item:
    """`status` and `body`; a body that is neither JSON nor text is the file `body`."""
    if not answer.body:
        return {"json": {"status": answer.status, "body": None}}
    text = answer.text()
    if text is None:
        return {"json": {"status": answer.status, "body": None}, **await file_of(context, answer, name)}
    if not answer.is_json:
        return {"json": {"status": answer.status, "body": text}}
    try:
        return {"json": {"status": answer.status, "body": exact_json.loads(text)}}
    except exact_json.NotJson as error:
        raise PermanentError(
            f"the answer says it is JSON, but isn't: {str(error)[:200]}", code="INVALID_RESPONSE"
        ) from None


async def file_of(context: NodeExecutionContext[Any], answer: Answer, name: str) -> Item:
    """The body as the file `body`, without any JSON."""
    kind = answer.content_type or "application/octet-stream"
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name).strip("-")[:80]
    file = await context.files.create(f"{safe}{mimetypes.guess_extension(kind) or '.bin'}", kind, answer.body)
    return {"files": {"body": file}}
