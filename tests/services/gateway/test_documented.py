"""The commands of docs/api.md, run as they stand there."""

import asyncio
import json
from pathlib import Path

from tests.services.gateway.conftest import Gateway

ROOT = Path(__file__).parents[3]


def commands() -> list[str]:
    section = (ROOT / "docs" / "api.md").read_text("utf-8").partition("\n## REST\n")[2].partition("\n## ")[0]
    block = section.partition("```sh\n")[2].partition("```")[0]
    return [line for line in block.splitlines() if line.startswith("curl ")]


async def test_the_documented_commands_work(gateway: Gateway) -> None:
    known = {"$URL": gateway.url}
    assert len(commands()) >= 6
    for command in commands():
        for name, value in known.items():
            command = command.replace(name, value)
        process = await asyncio.create_subprocess_shell(
            f"exec {command} --fail-with-body --max-time 60", cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        said = (await process.communicate())[0].decode()
        assert process.returncode == 0, (command, said)
        if "/events" in command:
            assert "event: end" in said
            continue
        answer = json.loads(said)
        if "id" in answer.get("workflow", {}):
            known["WORKFLOW"] = answer["workflow"]["id"]
        if "executionId" in answer:
            known["EXECUTION"] = answer["executionId"]
