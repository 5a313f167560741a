"""`/webhook/wait/…`: hands a call to the run that waits for it."""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from orchestrator import exact_json
from orchestrator.calls import IncomingCall
from orchestrator.items import INLINE_LIMIT, OUTPUT_LIMIT, Items, Part
from orchestrator.record import Status
from services.errors import NotFound
from services.gateway import bodies
from services.gateway.answers import Code, Refused, not_found
from services.gateway.clients import address_of
from services.gateway.site import Site
from services.gateway.webhooks import request_item
from services.identity.caller import Caller, Role, current_caller, set_caller
from services.identity.resuming import Resuming
from services.store import executions, payloads
from services.store.audit import audit
from temporal.client import CallRefusedError, RunNotFoundError

_TAKEN = ["POST", "PUT"]
_METHODS = ["GET", "HEAD", "PATCH", "DELETE", "OPTIONS", *_TAKEN]
# Whoever is told of the address may call before the run has come to its WAIT: so long it may take.
_EARLY_SECONDS = 5.0
_PAUSE = 0.25
_PATIENCE = 20.0


def routes(site: Site) -> list[BaseRoute]:
    """The address of every run that waits."""
    return [Route("/webhook/wait/{execution_id}/{signature}", Waits(site).answer, methods=_METHODS)]


class Waits:
    """Takes calls for runs; a GET, such as a link scanner's, never resumes one."""

    def __init__(self, site: Site) -> None:
        self._backend = site.backend
        self._resuming = Resuming(site.keys)

    async def answer(self, request: Request) -> Response:
        """Resumes the run, once."""
        execution_id, signature = request.path_params["execution_id"], request.path_params["signature"]
        if not self._resuming.valid(execution_id, signature):
            raise not_found()
        if request.method not in _TAKEN:
            allowed = {"Allow": ", ".join([*_TAKEN, "OPTIONS"])}
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=allowed)
            message = "a run is resumed by POST or PUT"
            raise Refused(Code.UNIMPLEMENTED, "METHOD_NOT_ALLOWED", message, 405, allowed)
        try:
            async with self._backend.database.driver() as connection:
                row = await executions.get_brief(connection, execution_id)
        except NotFound:
            raise not_found() from None
        # The signature speaks for this run, and for nothing else.
        set_caller(Caller("", row.workspace, Role.APPROVER, address_of(request), "webhook"))
        if Status(row.status).ended:
            raise _ended()
        items = await self._items(request, execution_id, row.version_id)
        await self._deliver(execution_id, IncomingCall(items, request.query_params.get("node", "")))
        return JSONResponse({"execution_id": execution_id})

    async def _items(self, request: Request, execution_id: str, version_id: str) -> Items:
        body = await bodies.parse(request, await bodies.read(request))
        version = await self._backend.definitions.version(version_id)
        item = await request_item(request, body, self._backend.files.of(version.workspace, execution_id))
        del item["json"]["path"]
        text = exact_json.dumps([item])
        raw = text.encode()
        most = await self._backend.limits.payload_bytes(version.workspace, version.workflow_id) or OUTPUT_LIMIT
        if len(raw) > most:
            raise bodies.too_large(most)
        if len(raw) <= INLINE_LIMIT:
            return Items((Part(1, len(raw), 0, text),))
        (ref,) = await payloads.put(self._backend.database, execution_id, [raw])
        return Items((Part(1, len(raw), 0, None, ref),))

    async def _deliver(self, execution_id: str, call: IncomingCall) -> None:
        until = time.monotonic() + _EARLY_SECONDS
        while True:
            try:
                # What isn't done isn't told: a refusal takes the entry back.
                async with asyncio.timeout(_PATIENCE), self._backend.database.transaction() as session:
                    audit(session, current_caller(), "execution.call", "execution", execution_id)
                    await session.flush()
                    return await self._backend.runs.call(execution_id, call)
            except RunNotFoundError:
                raise _ended() from None
            except CallRefusedError as error:
                if error.code != "CALL_NOT_AWAITED" or time.monotonic() > until:
                    raise Refused(Code.ABORTED, error.code, str(error)) from None
            await asyncio.sleep(_PAUSE)


def _ended() -> Refused:
    return Refused(Code.NOT_FOUND, "RUN_ENDED", "the run has ended; it waits for nothing any more", 410)
