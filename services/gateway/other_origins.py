"""Lets pages of the origins that the operator names call the API, with a bearer token: no cookie counts for them."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from services.gateway.paths import checks_origin_itself


class OtherOrigins(CORSMiddleware):
    """CORS, but for endpoints that have rules of their own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what browsers ask before they call, and tells them who may read the answer."""
        if scope["type"] == "http" and checks_origin_itself(scope["path"]):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
