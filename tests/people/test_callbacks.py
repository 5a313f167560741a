"""The corpus of hostile callbacks; its approval flows are in test_links, by their numbers."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from services.gateway import hooks_discord, hooks_slack, hooks_telegram
from services.gateway.failures import HANDLERS
from services.gateway.site import Site
from tests.people import test_links
from tests.people.conftest import Installation, Json

ROWS = [json.loads(line) for line in (Path(__file__).parents[1] / "corpus/callbacks.jsonl").read_text().splitlines()]
SIGNED = [row for row in ROWS if row["provider"] != "approval"]
FLOWS = [row["id"] for row in ROWS if row["provider"] == "approval"]
CREDENTIALS = {
    "slack": ("slack_app", "signing_secret", "secret"),
    "discord": ("discord_bot", "public_key", "public_key"),
    "telegram": ("telegram_bot", "secret_token", "secret_token"),
}


@pytest.mark.parametrize("row", SIGNED, ids=[row["id"] for row in SIGNED])
async def test_signed_callbacks(installation: Installation, row: Json) -> None:
    kind, field, name = CREDENTIALS[row["provider"]]
    await installation.credential(kind, {"token": "t-1", field: row[name]})
    site: Any = Site(installation.server._backend, installation.people, "http://x", None)
    app = Starlette(
        routes=[
            *hooks_slack.routes(site, lambda: row["now"]),
            *hooks_discord.routes(site, lambda: row["now"]),
            *hooks_telegram.routes(site),
        ],
        exception_handlers=HANDLERS,
    )
    headers = [(key.encode(), value.encode("utf-8")) for key, value in row["headers"].items()]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as http:
        for _ in range(2 if row.get("replay") else 1):
            answer = await http.request(
                row["method"], f"/hooks/{row['provider']}", headers=headers, content=row["body"].encode()
            )
            assert answer.status_code == row["expect"], row["why"]
    listed = await installation.people.ListHumanTasks(_everything())
    assert not [task for task in listed.tasks if task.task_id == "tokA"]


def test_every_flow_is_tested() -> None:
    covered = set(re.findall(r"CB-\d+", Path(test_links.__file__).read_text()))
    assert set(FLOWS) <= covered


async def test_bodies_have_a_limit_and_methods_are_few(installation: Installation) -> None:
    for vendor in CREDENTIALS:
        big = await installation.http.post(f"/hooks/{vendor}", content=b"x" * (1024 * 1024 + 1))
        assert big.status_code == 413
        assert (await installation.http.get(f"/hooks/{vendor}")).status_code == 405
        assert (await installation.http.post(f"/hooks/{vendor}/%00'", content=b"{}")).status_code in (401, 400)


def _everything() -> Any:
    from workflow_engine.v1 import human_task_pb2

    return human_task_pb2.ListHumanTasksRequest(page_size=1000)
