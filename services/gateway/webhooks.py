"""`/webhook/…`: starts a run for each request to a WEBHOOK's address."""

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from activities.triggers.ports import Binding
from nodes.base import Item
from nodes.credentials.credential import Credential
from nodes.errors import PermanentError
from nodes.files.files import Files
from nodes.parameters import parse as parse_parameters
from nodes.trigger.webhook import CREDENTIAL_OF, WebhookParameters
from orchestrator.record import Status
from services.gateway import bodies, callers
from services.gateway.answers import Code, Failure, Refused, answer, invalid, not_found
from services.gateway.bodies import Body
from services.gateway.clients import address_of
from services.gateway.failures import explained
from services.gateway.site import Site
from services.identity.caller import set_caller
from services.usecases.firing import Firing, activator
from services.usecases.outcomes import Outcome, Outcomes

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# What proves who sends a request is nothing for a run to keep.
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_MOST_EVENT_ID = 512
_PATIENCE = 15.0


def routes(site: Site) -> list[BaseRoute]:
    """The address of every webhook."""
    return [Route("/webhook/{path:path}", Webhooks(site).answer, methods=_METHODS)]


class Webhooks:
    """Takes requests for webhooks that are turned on."""

    def __init__(self, site: Site) -> None:
        self._backend = site.backend
        self._firing = Firing(site.backend)
        self._outcomes = Outcomes(site.backend)

    async def answer(self, request: Request) -> Response:
        """Starts the request's run, unless it has one, and answers as the webhook says."""
        try:
            return await self._answer(request)
        except Exception as error:  # noqa: BLE001 - it is answered as everywhere, and counted
            failure = explained(request.url.path, error)
            self._backend.telemetry.webhook(_outcome(failure.http_status))
            return answer(request, failure)

    async def _answer(self, request: Request) -> Response:
        binding = await self._firing.at(f"webhook:{request.path_params['path']}")
        if binding is None:
            raise not_found()
        set_caller(activator(binding, "webhook", address_of(request)))
        parameters = parse_parameters(WebhookParameters, binding.parameters)
        if (early := _without_run(request, parameters)) is not None:
            return early
        raw = await bodies.read(request)
        credential = await self._credential(binding, parameters)
        if credential is not None:
            callers.check(request, raw, parameters, credential)
        body = await bodies.parse(request, raw)
        hidden = callers.secret_header(parameters, credential)

        async def items(files: Files) -> Sequence[Item]:
            return [await request_item(request, body, files, hidden)]

        execution_id = await self._firing.start(binding, _event_id(request, parameters), items)
        response = await self._respond(parameters, execution_id)
        self._backend.telemetry.webhook("started")
        return response

    async def _credential(self, binding: Binding, parameters: WebhookParameters) -> Credential | None:
        if parameters.auth == "none":
            return None
        version = await self._backend.definitions.version(binding.version_id)
        node = next(node for node in version.workflow.nodes if node.name == binding.node)
        credential_id, kinds = node.credentials.get("auth", ""), (CREDENTIAL_OF[parameters.auth],)
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._backend.integrations.open(binding.workspace, credential_id, kinds)
        except PermanentError as error:
            await self._firing.report(binding.id, f"{error.message}; {error.hint}")
            raise

    async def _respond(self, parameters: WebhookParameters, execution_id: str) -> Response:
        if parameters.respond == "immediately":
            return JSONResponse({"execution_id": execution_id}, parameters.response_code or 202)
        outcome = await self._outcomes.wait(execution_id, parameters.timeout)
        headers = {"X-Execution-Id": execution_id}
        if outcome is None:
            return JSONResponse({"execution_id": execution_id, "status": Status.RUNNING.value}, 202, headers)
        if outcome.status is not Status.COMPLETED:
            return _failed(outcome, execution_id)
        return Response(outcome.json(), parameters.response_code or 200, headers, "application/json")


async def request_item(request: Request, body: Body, files: Files, hidden: str = "") -> Item:
    """A request as a run's item, without what proves who sent it."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        if name not in _SECRET_HEADERS and name != hidden:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    shown: dict[str, Any] = {
        "method": request.method,
        "path": request.path_params.get("path", ""),
        "query": bodies.as_object(bodies.urlencoded(request.url.query)),
        "headers": headers,
        "body": body.value,
    }
    kept = await bodies.stored(body.uploads, files)
    return {"json": shown, "files": kept} if kept else {"json": shown}


def _outcome(status: int) -> str:
    """What became of a request that started nothing, by the status of its answer."""
    named = {404: "unknown", 429: "limited"}
    return named.get(status) or ("failed" if status >= 500 else "refused")


def _without_run(request: Request, parameters: WebhookParameters) -> Response | None:
    allowed = ", ".join([*parameters.methods, "OPTIONS", *(["HEAD"] if "GET" in parameters.methods else [])])
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": allowed})
    if request.method == "HEAD" and "GET" in parameters.methods:
        return Response(status_code=200)
    if request.method not in parameters.methods:
        message = f"this address takes {', '.join(parameters.methods)}, not {request.method}"
        raise Refused(Code.UNIMPLEMENTED, "METHOD_NOT_ALLOWED", message, 405, {"Allow": allowed})
    return None


def _event_id(request: Request, parameters: WebhookParameters) -> str:
    name = parameters.dedupe_header
    if not name:
        return ""
    values = request.headers.getlist(name)
    if len(values) != 1 or not 0 < len(values[0]) <= _MOST_EVENT_ID:
        message = f"the header {name} must name the delivery, once, in up to {_MOST_EVENT_ID} characters"
        raise invalid("DELIVERY_UNNAMED", message)
    return values[0]


def _failed(outcome: Outcome, execution_id: str) -> Response:
    late = outcome.status is Status.TIMED_OUT
    message = "the workflow took too long" if late else f"the workflow ended {outcome.status.value}"
    code, status = (Code.DEADLINE_EXCEEDED, 504) if late else (Code.ABORTED, 502)
    failure = Failure(code, message, f"WORKFLOW_{outcome.status.value}", status=status)
    body = failure.body | {"execution_id": execution_id}
    return JSONResponse(body, failure.http_status, {"X-Execution-Id": execution_id})
