"""Log lines have the fields that a log store wants, wherever they come from."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys, structlog
from services.logging import configure
configure("INFO", sys.argv[1], "grpc")
log = structlog.get_logger("services.test")
log.debug("hidden")
log.info("done", execution_id="e1", node_id="n1", duration_ms=1.5, status="OK")
logging.getLogger("library").warning("from %s", "a library")
logging.getLogger("temporalio").info("hidden too")
def broken():
    password = "hunter2"
    raise ZeroDivisionError("x")
try:
    broken()
except ZeroDivisionError:
    log.exception("failed")
"""


def run(style: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, style], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""
    return done.stderr


def test_json() -> None:
    lines = [json.loads(line) for line in run("json").splitlines()]
    assert [line["message"] for line in lines] == ["done", "from a library", "failed"]
    assert all({"timestamp", "level", "service"} <= line.keys() for line in lines)
    assert lines[0] | {"execution_id": "e1", "node_id": "n1", "duration_ms": 1.5, "status": "OK"} == lines[0]
    assert "ZeroDivisionError" in lines[2]["exception"]


@pytest.mark.parametrize("style", ["json", "console"])
def test_tracebacks_show_no_variables(style: str) -> None:
    text = run(style)
    assert "hidden" not in text
    assert "ZeroDivisionError" in text
    assert "hunter2" not in text
