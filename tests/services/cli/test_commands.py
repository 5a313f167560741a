"""The real command against a real stack: what it prints, its one JSON object, its exit codes."""

import json
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"w-{uuid.uuid4()}"


def test_runs_a_file(cli, write, made, name) -> None:
    double = made("Double", "DATA_TRANSFORMATION", {"operation": "set", "fields": {"twice": "{{ $json.n * 2 }}"}})
    file = write(name, double)
    shown = cli.json("run", file, "--input", '{"n": 21}')
    assert shown.keys() == {"execution_id", "workflow_id", "version", "status", "output", "error", "nodes"}
    assert shown["status"] == "COMPLETED"
    assert shown["version"] == 1
    assert shown["output"] == {"Double": [{"twice": 42}]}
    assert shown["error"] is None
    assert [(node["name"], node["status"], node["runs"]) for node in shown["nodes"]] == [
        ("Start", "COMPLETED", 1),
        ("Double", "COMPLETED", 1),
    ]
    assert all(isinstance(node["duration_ms"], int) for node in shown["nodes"])


def test_numbers_stay_exact(cli, write, name, tmp_path) -> None:
    text = '{"big":12345678901234567890123,"fine":0.1234567890123456789012345}'
    (tmp_path / "input").write_text(text)
    done = cli.process("run", write(name), "--json", "--input", f"@{tmp_path / 'input'}")
    assert done.returncode == 0
    assert f'"output":{{"Start":[{text}]}}' in done.stdout


def test_a_file_makes_a_version_only_when_it_changed(cli, write, made, name) -> None:
    first = cli.json("run", write(name))
    again = cli.json("run", write(name))
    changed = cli.json("run", write(name, made("More", "DATA_TRANSFORMATION", {"operation": "limit", "count": 1})))
    assert [each["version"] for each in (first, again, changed)] == [1, 1, 2]
    assert first["workflow_id"] == again["workflow_id"] == changed["workflow_id"]


def test_an_id_in_the_file_says_which_workflow(cli, write, name) -> None:
    first = cli.json("run", write(name, id=name))
    renamed = cli.json("run", write(f"{name} renamed", id=name))
    assert first["workflow_id"] == renamed["workflow_id"] == name
    assert (first["version"], renamed["version"]) == (1, 2)


def test_a_failed_run(cli, write, made, name) -> None:
    stop = made("Halt", "STOP", {"message": "enough"})
    after = made("After", "DATA_TRANSFORMATION", {"operation": "limit", "count": 1})
    shown = cli.json("run", write(name, made("Call", "HTTP_REQUEST", {"url": "http://127.0.0.1:1/"}), after), code=1)
    assert shown["status"] == "FAILED"
    assert shown["error"]["node"] == "Call"
    assert shown["error"]["code"]
    assert shown["error"]["message"]
    assert [node["status"] for node in shown["nodes"]] == ["COMPLETED", "FAILED", "SKIPPED"]
    halted = cli("run", write(name, stop))
    assert halted.exit_code == 1
    assert "enough" in halted.stdout


def test_an_invalid_file(cli, write, made, name) -> None:
    shown = cli.json("run", write(name, made("A", "NO_SUCH", {})), code=2)
    assert shown.keys() == {"status", "problems"}
    assert shown["status"] == "INVALID"
    assert [(problem["code"], problem["node"]) for problem in shown["problems"]] == [("UNKNOWN_SUBTYPE", "A")]
    assert cli.json("workflows", "list", "--name", name)["workflows"] == []


@pytest.mark.parametrize("given", ["{", "7", "@/no/such/file"])
def test_an_invalid_input(cli, write, name, given) -> None:
    shown = cli.json("run", write(name), "--input", given, code=2)
    assert shown["status"] == "INVALID"
    assert [problem["code"] for problem in shown["problems"]] == ["INVALID_INPUT"]


def test_a_trigger_that_does_not_exist(cli, write, name) -> None:
    shown = cli.json("run", write(name), "--trigger", "Nobody", code=2)
    assert shown["status"] == "INVALID"
    assert "Nobody" in shown["problems"][0]["message"]


@pytest.mark.parametrize("command", [["run", "FILE"], ["workflows", "list"], ["executions", "list"]])
def test_a_server_that_is_not_there(cli_at, write, name, command) -> None:
    nobody = cli_at("127.0.0.1:1")
    arguments = [str(write(name)) if each == "FILE" else each for each in command]
    done = nobody(*arguments)
    assert done.exit_code == 1
    assert "127.0.0.1:1" in done.stderr
    assert done.stdout == ""
    shown = nobody.json(*arguments, code=1)
    assert shown["error"]["code"] == "UNAVAILABLE"


def test_for_people_there_are_tables(cli, write, name) -> None:
    done = cli.process("run", write(name), "--input", '{"a": "[red]b[/red]"}')
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["NODE", "STATUS", "RUNS", "MS"]
    assert lines[1].split()[:3] == ["Start", "COMPLETED", "1"]
    assert '"a": "[red]b[/red]"' in done.stdout


def test_stored_workflows(cli, write, made, name) -> None:
    file = write(name)
    workflow = cli.json("run", file)["workflow_id"]
    cli.json("run", write(name, made("More", "DATA_TRANSFORMATION", {"operation": "limit", "count": 1})))
    (listed,) = cli.json("workflows", "list", "--name", name)["workflows"]
    assert (listed["id"], listed["version"], listed["node_count"]) == (workflow, 2, 2)
    versions = cli.json("workflows", "versions", workflow)["versions"]
    assert sorted(each["version"] for each in versions) == [1, 2]
    assert name in cli("workflows", "list").stdout
    assert cli.json("workflows", "delete", workflow) == {"deleted": workflow}
    assert cli.json("workflows", "list", "--name", name)["workflows"] == []
    missing = cli("workflows", "show", workflow)
    assert missing.exit_code == 1
    assert workflow in missing.stderr


def test_a_saved_workflow_is_stored_and_not_run(cli, write, made, name) -> None:
    saved = cli.json("workflows", "save", write(name))
    assert saved["version"] == 1
    assert cli.json("workflows", "save", write(name)) == saved
    changed = write(name, made("More", "DATA_TRANSFORMATION", {"operation": "limit", "count": 1}))
    assert cli.json("workflows", "save", changed) == saved | {"version": 2}
    assert cli.json("executions", "list", "--workflow", saved["workflow_id"])["executions"] == []
    assert cli("workflows", "save", write(name)).stdout == f"Saved workflow {saved['workflow_id']}, version 3\n"


def test_a_shown_workflow_can_be_run(cli, write, name, tmp_path) -> None:
    workflow = cli.json("run", write(name))["workflow_id"]
    shown = tmp_path / "shown.json"
    shown.write_text(cli("workflows", "show", workflow).stdout)
    again = cli.json("run", shown)
    assert (again["workflow_id"], again["version"]) == (workflow, 1)


def test_executions(cli, write, name) -> None:
    ran = cli.json("run", write(name), "--input", '[{"a": 1}, {"a": 2}]')
    execution = ran["execution_id"]
    (listed,) = cli.json("executions", "list", "--workflow", ran["workflow_id"])["executions"]
    assert (listed["execution_id"], listed["status"]) == (execution, "COMPLETED")
    failed = cli.json("executions", "list", "--workflow", ran["workflow_id"], "--status", "failed")
    assert failed == {"executions": []}
    shown = cli.json("executions", "show", execution)
    assert {key: shown[key] for key in ran if key != "nodes"} == {key: ran[key] for key in ran if key != "nodes"}
    (start,) = cli.json("executions", "show", execution, "--node", "Start")["runs"]
    assert [item["json"] for item in start["outputs"]["main"]] == [{"a": 1}, {"a": 2}]
    watched = cli("executions", "watch", execution)
    assert watched.exit_code == 0
    assert "Start: completed" in watched.stdout
    assert watched.stdout.splitlines()[-1].endswith("COMPLETED")
    assert cli.json("executions", "show", "no-such", code=1)["error"]["code"] == "EXECUTION_NOT_FOUND"
    assert cli.json("executions", "list", "--status", "odd", code=2)["status"] == "INVALID"


def started(cli, file: Path) -> tuple["subprocess.Popen[str]", str]:
    """A `run` in the background, and its execution's id once it waits."""
    workflow = json.loads(file.read_text())["name"]
    process = cli.start("run", file, "--json")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for each in cli.json("executions", "list", "--status", "RUNNING")["executions"]:
            if each["workflow_name"] == workflow:
                runs = cli.json("executions", "show", each["execution_id"])["nodes"]
                if any(node["status"] == "WAITING" for node in runs):
                    return process, each["execution_id"]
    process.kill()
    raise AssertionError("the run never waited")


def test_cancel(cli, write, made, name) -> None:
    process, execution = started(cli, write(name, made("Wait", "WAIT", {"mode": "duration", "duration": "1h"})))
    cli.json("executions", "cancel", execution, "--reason", "test")
    shown = json.loads(process.communicate(timeout=60)[0])
    assert process.returncode == 1
    assert shown["status"] == "CANCELED"
    refused = cli("executions", "cancel", execution)
    assert refused.exit_code == 1
    assert "CANCELED" in refused.stderr


def test_an_interrupt_cancels_the_run(cli, write, made, name) -> None:
    process, execution = started(cli, write(name, made("Wait", "WAIT", {"mode": "duration", "duration": "1h"})))
    process.send_signal(signal.SIGINT)
    assert json.loads(process.communicate(timeout=60)[0])["status"] == "CANCELED"
    assert cli.json("executions", "show", execution)["status"] == "CANCELED"


def test_pause_and_resume(cli, write, made, name) -> None:
    after = made("After", "DATA_TRANSFORMATION", {"operation": "limit", "count": 1})
    file = write(name, made("Wait", "WAIT", {"mode": "duration", "duration": "12s"}), after)
    process, execution = started(cli, file)
    cli.json("executions", "pause", execution)
    while (paused := cli.json("executions", "show", execution))["nodes"][1]["status"] == "WAITING":
        assert paused["status"] == "PAUSED"
    time.sleep(1)
    paused = cli.json("executions", "show", execution)
    assert paused["status"] == "PAUSED"
    assert [node["status"] for node in paused["nodes"]] == ["COMPLETED", "COMPLETED", "SKIPPED"]
    cli.json("executions", "resume", execution)
    assert json.loads(process.communicate(timeout=60)[0])["status"] == "COMPLETED"


def test_retry_with_other_input(cli, write, made, name) -> None:
    call = made("Call", "HTTP_REQUEST", {"url": "{{ $json.url }}"})
    failed = cli.json("run", write(name, call), "--input", '{"url": "http://127.0.0.1:1/"}', code=1)
    assert cli.json("executions", "retry", failed["execution_id"], code=1)["status"] == "FAILED"
    other = json.dumps({"url": "not a url"})
    retried = cli.json("executions", "retry", failed["execution_id"], "--node", "Call", "--input", other, code=1)
    assert retried["execution_id"] != failed["execution_id"]
    assert retried["error"]["message"] != failed["error"]["message"]
    assert [node["status"] for node in retried["nodes"]] == ["COMPLETED", "FAILED"]


def test_a_workflow_is_turned_on_and_off(cli, tmp_path, name) -> None:
    path = f"p-{name}"
    hook = {"id": "h", "name": "Hook", "type": "TRIGGER_NODE", "subtype": "WEBHOOK", "parameters": {"path": path}}
    file = tmp_path / "hook.json"
    file.write_text(json.dumps({"id": name, "name": name, "nodes": [hook], "connections": {"connections": {}}}))
    cli.json("run", file)
    assert cli.json("workflows", "activation", name) == {"activation": None}
    shown = cli.json("workflows", "activate", name, "--version", "1")["activation"]
    assert (shown["workflow_id"], shown["version"]) == (name, 1)
    (trigger,) = shown["triggers"]
    assert trigger["urls"][0].endswith(f"/webhook/{path}")
    assert cli.json("workflows", "activation", name) == {"activation": shown}
    done = cli("workflows", "activation", name)
    assert "is active at version 1" in done.output
    assert cli.json("workflows", "deactivate", name) == {"activation": None}
    assert "isn't active" in cli("workflows", "activation", name).output
    refused = cli("workflows", "activate", f"{name}-none")
    assert refused.exit_code != 0
