"""Looks up an exchange rate at a service that wants an API key."""

from typing import ClassVar

from pydantic import Field, SecretStr

from nodes.base import NodeExecutionContext, NodeExecutor, Parameters, Returned
from nodes.credentials.credential import CredentialFields, CredentialSlot, CredentialType
from nodes.http.exchange import status_error
from orchestrator import exact_json
from orchestrator.model import NodeType


class RatesKey(CredentialFields):
    """What a user fills in; what is secret is a SecretStr."""

    key: SecretStr = Field(description="The API key.")


RATES_KEY = CredentialType("rates_key", "Exchange rates key", RatesKey, hosts=("rates.example.com",))


class ExchangeRateParameters(Parameters):
    """Parameters of EXCHANGE_RATE."""

    base: str = Field(min_length=3, max_length=3, description="The currency to change from, such as EUR.")
    quote: str = Field(min_length=3, max_length=3, description="The currency to change into, such as CHF.")
    base_url: str = Field(default="https://rates.example.com", description="Where the service is.")


class ExchangeRate(NodeExecutor[ExchangeRateParameters]):
    """Adds `rate` to each item."""

    type = NodeType.EXTERNAL_ACTION_NODE
    subtype = "EXCHANGE_RATE"
    model = ExchangeRateParameters
    credentials: ClassVar = {"auth": CredentialSlot((RATES_KEY,))}

    async def execute(self, context: NodeExecutionContext[ExchangeRateParameters]) -> Returned:
        """Asks for one item; `send` refuses hosts that aren't the credential's."""
        given, http = context.parameters, context.resources.http
        credential = await context.credential()
        assert credential, "the slot is required"
        fields = credential.fields
        assert isinstance(fields, RatesKey)
        request = http.build(
            "GET",
            f"{given.base_url}/latest",
            query={"base": given.base, "quote": given.quote},
            headers={"x-api-key": fields.key.get_secret_value()},
        )
        answer = await http.send(request, credential=credential)
        if answer.status >= 400:
            raise status_error(request, answer)
        return {**context.item["json"], "rate": exact_json.loads(answer.body)["rate"]}
