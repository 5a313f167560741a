"""Every method of IntegrationService: decode, one use case, encode."""

from typing import Any

from workflow_engine.v1 import integration_pb2 as pb
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceServicer

from services.identity.scope import home
from services.rpc import integration_codec as codec
from services.rpc.definition_codec import timestamp
from services.store.integrations import Filters
from services.usecases.authorizing import Authorizing, Redirected
from services.usecases.backend import Backend
from services.usecases.integrations import Change, IntegrationCases

Context = Any


class IntegrationServicer(IntegrationServiceServicer):
    """The gRPC face of integrations."""

    def __init__(self, backend: Backend) -> None:
        self._catalogue = backend.catalogue
        self._cases = IntegrationCases(backend)
        self._authorizing = Authorizing(backend, self._cases)

    async def ListCredentialTypes(
        self, request: pb.ListCredentialTypesRequest, context: Context
    ) -> pb.ListCredentialTypesResponse:
        """What credentials there can be."""
        return pb.ListCredentialTypesResponse(types=codec.type_messages(self._catalogue))

    async def CreateIntegration(
        self, request: pb.CreateIntegrationRequest, context: Context
    ) -> pb.CreateIntegrationResponse:
        """Keeps a new integration."""
        given = Change(request.name, codec.read_fields(request.fields), request.hosts, codec.read_rate(request))
        view = await self._cases.create(request.user_id, request.type, given)
        return pb.CreateIntegrationResponse(integration=codec.integration_message(view))

    async def GetIntegration(self, request: pb.GetIntegrationRequest, context: Context) -> pb.GetIntegrationResponse:
        """Reads one."""
        view = await self._cases.get(request.user_id, request.integration_id)
        return pb.GetIntegrationResponse(integration=codec.integration_message(view))

    async def ListIntegrations(
        self, request: pb.ListIntegrationsRequest, context: Context
    ) -> pb.ListIntegrationsResponse:
        """A page of them."""
        filters = Filters(home(request.user_id), request.type, request.name_contains)
        views, token = await self._cases.listed(filters, request.page_size, request.page_token)
        messages = map(codec.integration_message, views)
        return pb.ListIntegrationsResponse(integrations=messages, next_page_token=token)

    async def UpdateIntegration(
        self, request: pb.UpdateIntegrationRequest, context: Context
    ) -> pb.UpdateIntegrationResponse:
        """Changes what is given."""
        given = Change(request.name, codec.read_fields(request.fields), request.hosts, codec.read_rate(request))
        view = await self._cases.update(request.user_id, request.integration_id, given)
        return pb.UpdateIntegrationResponse(integration=codec.integration_message(view))

    async def RotateIntegration(
        self, request: pb.RotateIntegrationRequest, context: Context
    ) -> pb.RotateIntegrationResponse:
        """Replaces secrets."""
        fields = codec.read_fields(request.fields)
        view = await self._cases.rotate(request.user_id, request.integration_id, fields)
        return pb.RotateIntegrationResponse(integration=codec.integration_message(view))

    async def DeleteIntegration(
        self, request: pb.DeleteIntegrationRequest, context: Context
    ) -> pb.DeleteIntegrationResponse:
        """Deletes one."""
        await self._cases.delete(request.user_id, request.integration_id, force=request.force)
        return pb.DeleteIntegrationResponse()

    async def TestIntegration(self, request: pb.TestIntegrationRequest, context: Context) -> pb.TestIntegrationResponse:
        """Tries one out."""
        return codec.tested_message(await self._cases.test(request.user_id, request.integration_id))

    async def StartAuthorization(
        self, request: pb.StartAuthorizationRequest, context: Context
    ) -> pb.StartAuthorizationResponse:
        """Where a user consents."""
        asked = await self._authorizing.start(request.user_id, request.integration_id, request.redirect_uri)
        return pb.StartAuthorizationResponse(url=asked.url, state=asked.state, expires_at=timestamp(asked.expires_at))

    async def CompleteAuthorization(
        self, request: pb.CompleteAuthorizationRequest, context: Context
    ) -> pb.CompleteAuthorizationResponse:
        """Takes what a redirect brought back."""
        given = Redirected(request.state, request.code, request.error, request.error_description)
        view = await self._authorizing.complete(request.user_id, given)
        return pb.CompleteAuthorizationResponse(integration=codec.integration_message(view))
