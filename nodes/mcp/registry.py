"""The MCP servers that the operator registered, as the file of them says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, ValidationError, model_validator

from nodes.errors import PermanentError
from nodes.http.request import header_list
from orchestrator import exact_json

_LARGEST_FILE = 1024 * 1024
ServerId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class RegisteredServer(BaseModel):
    """One server: a command that speaks over its standard input and output, or a URL of streamable HTTP."""

    model_config = ConfigDict(extra="forbid")

    command: str = Field("", description="the program, found by PATH")
    args: list[str] = Field(default_factory=list)
    env: dict[str, SecretStr] = Field(default_factory=dict, description="all that it gets besides PATH and a HOME")
    cwd: str = Field("", description="the folder that it runs in; one of its own by default")
    url: HttpUrl | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    start_timeout: float = Field(30.0, gt=0, le=600, description="seconds to start and greet")

    @model_validator(mode="after")
    def _one_way(self) -> "RegisteredServer":
        if bool(self.command) == bool(self.url):
            raise ValueError('needs either "command" or "url"')
        if self.url and (self.args or self.env or self.cwd):
            raise ValueError('"args", "env" and "cwd" go with "command"')
        if self.command and self.headers:
            raise ValueError('"headers" go with "url"')
        try:
            header_list(self.plain_headers())
        except PermanentError as error:
            raise ValueError(error.message) from None
        return self

    def plain_headers(self) -> dict[str, str]:
        """The headers with their values."""
        return {name: value.get_secret_value() for name, value in self.headers.items()}

    def plain_env(self) -> dict[str, str]:
        """The environment with its values."""
        return {name: value.get_secret_value() for name, value in self.env.items()}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mcpServers: dict[ServerId, RegisteredServer]


def read_servers(path: str) -> Mapping[str, RegisteredServer]:
    """The servers by id that a JSON file names; ValueError says what is wrong with it, and shows no value."""
    file = Path(path)
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise ValueError(f"{path} is larger than {_LARGEST_FILE >> 20} MiB")
        data = exact_json.loads(file.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    except exact_json.NotJson as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    try:
        return _File.model_validate(data).mcpServers
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(str(step) for step in detail['loc'])}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors(include_url=False, include_input=False)[:10]
        )
        raise ValueError(f"{path}: {found}") from None
