"""The file of registered servers is read, or what is wrong with it is named, without a value of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from nodes.mcp.registry import read_servers
from services.settings import SettingsError, load_settings


def write(folder: Path, servers: Any) -> str:
    path = folder / "servers.json"
    path.write_text(servers if isinstance(servers, str) else json.dumps({"mcpServers": servers}))
    return str(path)


def test_both_kinds_are_read(tmp_path: Path) -> None:
    servers = read_servers(
        write(
            tmp_path,
            {
                "time": {"command": "mcp-server-time", "args": ["--local-timezone", "UTC"], "env": {"TOKEN": "s3cret"}},
                "docs": {"url": "https://docs.example/mcp", "headers": {"x-key": "s3cret"}},
            },
        )
    )
    assert servers["time"].plain_env() == {"TOKEN": "s3cret"}
    assert servers["docs"].plain_headers() == {"x-key": "s3cret"}
    assert "s3cret" not in repr(servers)


@pytest.mark.parametrize(
    ("servers", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "valid dictionary"),
        ("{}", "mcpServers: Field required"),
        ({"a b": {"command": "x"}}, "mcpServers.a b"),
        ({"a": {}}, 'needs either "command" or "url"'),
        ({"a": {"command": "x", "url": "https://a.example"}}, 'needs either "command" or "url"'),
        ({"a": {"command": "x", "headers": {"a": "b"}}}, '"headers" go with "url"'),
        ({"a": {"url": "https://a.example", "env": {"K": "s3cret"}}}, '"args", "env" and "cwd" go with "command"'),
        ({"a": {"url": "ftp://a.example"}}, "URL scheme"),
        ({"a": {"url": "https://a.example", "headers": {"x": "s3cret\n"}}}, "line break"),
        ({"a": {"command": "x", "shell": True}}, "a.shell: Extra inputs"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, servers: Any, said: str) -> None:
    path = write(tmp_path, servers)
    with pytest.raises(ValueError, match=path) as caught:
        read_servers(path)
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_the_setting_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, {"a": {"command": "x"}})
    assert set(load_settings(orchestrator_mcp_servers=path).orchestrator_mcp_servers) == {"a"}
    assert load_settings().orchestrator_mcp_servers == {}
    with pytest.raises(SettingsError, match=r"ORCHESTRATOR_MCP_SERVERS: .*absent\.json can't be read: No such file"):
        load_settings(orchestrator_mcp_servers=str(tmp_path / "absent.json"))


def test_the_setting_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_MCP_SERVERS", write(tmp_path, {"a": {"command": "x"}}))
    assert set(load_settings().orchestrator_mcp_servers) == {"a"}
