"""Says whether the process lives, and whether it can do its work."""

from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route

from services.gateway.site import Site


def routes(site: Site) -> list[BaseRoute]:
    """`/healthz` answers while the process lives, `/readyz` while PostgreSQL and Temporal answer."""

    async def alive(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    async def ready(request: Request) -> PlainTextResponse:
        check = site.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString,
        )
        answer = await check(HealthCheckRequest())
        serving = answer.status == HealthCheckResponse.SERVING
        return PlainTextResponse("ready\n" if serving else "not ready\n", 200 if serving else 503)

    return [Route("/healthz", alive), Route("/readyz", ready)]
