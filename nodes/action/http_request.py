"""Calls an HTTP service, once for each item, and emits its answer."""

import asyncio
from typing import Any, ClassVar

from nodes.action.http_call import Context, HttpCall
from nodes.action.http_parameters import HttpRequestParameters
from nodes.base import Item, NodeExecutor, Output, Returned
from nodes.credentials.credential import CredentialSlot
from nodes.http.authentication import TYPES, Authorization, authorization
from nodes.http.exchange import shown_url
from nodes.http.pagination import Pages, Pagination, Step
from nodes.http.unpacking import too_large
from orchestrator.items import OUTPUT_LIMIT
from orchestrator.model import NodeType


class HttpRequest(NodeExecutor[HttpRequestParameters]):
    """Sends a request, or one for each page, and emits the JSON of the answers, their text as `data`, or files."""

    type = NodeType.ACTION_NODE
    subtype = "HTTP_REQUEST"
    model = HttpRequestParameters
    credentials: ClassVar = {"auth": CredentialSlot(TYPES, required=False)}

    async def execute(self, context: Context) -> Returned:
        """Sends the request for one item."""
        credential = await context.credential()
        call = HttpCall(context, credential, authorization(credential) if credential else Authorization())
        if context.parameters.pagination is not None:
            return Output({"main": await _pages(call, context.parameters.pagination)})
        _, answer = await call.send(call.request(context.parameters.url, {}))
        if answer.received.file is not None:
            return Output(
                {"main": [{**answer.item(), "files": {context.parameters.output_file: answer.received.file}}]}
            )
        return answer.item()["json"] if context.parameters.full_response else _items(answer.received.body)


async def _pages(call: HttpCall, given: Pagination) -> list[Item]:
    pages = Pages(given)
    step: Step | None = pages.first()
    items: list[Item] = []
    size = 0
    for page in range(given.limit):
        if step is None:
            return items
        if page and given.interval:
            await asyncio.sleep(given.interval)
        url = call.context.parameters.url if step.url is None else str(step.url)
        request = call.request(url, pages.parameters(step), page=page, linked=step.url is not None)
        came_from, answer = await call.send(request)
        size += answer.received.size
        if size > OUTPUT_LIMIT:
            raise too_large(f"{page + 1} pages of {shown_url(request.url)}", OUTPUT_LIMIT)
        found = pages.items(answer.received.body)
        items += [answer.item()] if answer.full else [{"json": _object(entry)} for entry in found]
        step = pages.after(came_from, answer.headers, answer.received.body, len(found))
    if step is not None:
        call.context.log(f"stopped after {given.limit} pages, though there are more")
    return items


def _object(entry: Any) -> dict[str, Any]:
    return entry if isinstance(entry, dict) else {"data": entry}


def _items(body: Any) -> dict[str, Any] | list[dict[str, Any]]:
    if body is None:
        return {}
    if isinstance(body, list) and all(isinstance(entry, dict) for entry in body):
        return body
    return _object(body)
