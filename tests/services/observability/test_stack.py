"""What an operator sees of a stack that works."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.services.observability.conftest import CANARY, PARENT, TRACE, Observed, eventually

ROOT = Path(__file__).parents[3]


def samples(observed: Observed) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(observed.scrape()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


@pytest.mark.parametrize(
    ("name", "labels", "least"),
    [
        ("orchestrator_runs_started_total", {"mode": "MANUAL"}, 1),
        ("orchestrator_runs_started_total", {"mode": "SUBWORKFLOW"}, 1),
        ("orchestrator_runs_ended_total", {"status": "COMPLETED"}, 1),
        ("orchestrator_runs_ended_total", {"status": "FAILED"}, 1),
        ("orchestrator_run_duration_seconds_count", {}, 1),
        ("orchestrator_run_errors_total", {}, 1),
        ("orchestrator_node_runs_total", {"subtype": "HTTP_REQUEST", "status": "COMPLETED"}, 3),
        ("orchestrator_node_runs_total", {"subtype": "SUBWORKFLOW", "status": "COMPLETED"}, 1),
        ("orchestrator_node_errors_total", {"subtype": "HTTP_REQUEST"}, 1),
        ("orchestrator_node_retries_total", {"subtype": "HTTP_REQUEST"}, 1),
        ("orchestrator_node_run_duration_seconds_count", {"subtype": "HTTP_REQUEST"}, 4),
        ("orchestrator_queue_wait_seconds_count", {}, 1),
        ("orchestrator_queue_workers", {"kind": "workflows"}, 1),
        ("orchestrator_rpc_requests_total", {"method": "WorkflowService/ExecuteWorkflow", "via": "gateway"}, 3),
        ("orchestrator_rpc_duration_seconds_count", {"method": "WorkflowService/ExecuteWorkflow"}, 3),
        ("orchestrator_http_requests_total", {"route": "/api/v1/workflows/{workflow_id}:execute", "status": "200"}, 3),
        ("orchestrator_webhooks_total", {"outcome": "started"}, 1),
        ("orchestrator_webhooks_total", {"outcome": "refused"}, 1),
        ("orchestrator_webhooks_total", {"outcome": "unknown"}, 1),
        ("orchestrator_triggers_active", {"subtype": "WEBHOOK"}, 1),
        ("orchestrator_triggers_failing", {"subtype": "WEBHOOK"}, 0),
        ("orchestrator_tasks_overdue", {}, 0),
        ("orchestrator_schedule_times_missed", {}, 0),
        ("orchestrator_dependency_up", {"dependency": "temporal"}, 1),
        ("orchestrator_dependency_up", {"dependency": "postgresql"}, 1),
        ("orchestrator_database_pool_size", {"pool": "statements"}, 1),
        ("orchestrator_sandbox_size", {"pool": "python"}, 1),
        ("orchestrator_build_info", {}, 1),
        ("temporal_request_total", {}, 1),
    ],
)
def test_metrics(observed: Observed, name: str, labels: dict[str, str], least: float) -> None:
    found = samples(observed)[name]
    assert sum(value for has, value in found if labels.items() <= has.items()) >= least, found


def test_a_trace_leads_from_the_call_to_each_request(observed: Observed) -> None:
    def whole() -> Any:
        spans = [span for span in observed.collector.spans if span.trace_id.hex() == TRACE]
        return spans if sum(span.name == "run" for span in spans) == 2 else None

    spans = eventually(whole)
    by_id = {span.span_id.hex(): span for span in spans}
    tops = {span.parent_span_id.hex() for span in spans if span.parent_span_id.hex() not in by_id}
    assert tops == {PARENT}, "every span hangs together, and the first below the client's"
    requests = [span for span in spans if span.name == "GET"]
    assert len(requests) == 4
    ancestry = []
    for span in requests:
        names = [span.name]
        while (above := by_id.get(span.parent_span_id.hex())) is not None:
            names.append(above.name)
            span = above
        ancestry.append(names)
    path = ["GET", "node HTTP_REQUEST", "run"]
    assert all(names[:3] == path and names[-1] == "POST /api/v1/workflows/{workflow_id}:execute" for names in ancestry)
    assert sum(names.count("run") == 2 for names in ancestry) == 1, "the sub-workflow's lies below its caller's run"
    nodes = [{pair.key: pair.value for pair in span.attributes} for span in spans if span.name == "node HTTP_REQUEST"]
    attempts = [
        one["orchestrator.attempt"].int_value for one in nodes if one["orchestrator.node"].string_value == "Flaky"
    ]
    assert sorted(attempts) == [1, 2]
    assert CANARY not in str(spans)


def test_a_watcher_is_a_span_of_its_trace(observed: Observed) -> None:
    def watched() -> Any:
        return [span for span in observed.collector.spans if span.name.endswith("/WatchExecution")]

    (span,) = eventually(watched)
    assert span.trace_id.hex() == TRACE
    above = {one.span_id: one.name for one in observed.collector.spans}
    assert above[span.parent_span_id] == "GET /api/v1/executions/{execution_id}/events"
    facts = {pair.key: pair.value for pair in span.attributes}
    assert facts["rpc.response.status_code"].string_value == "OK"
    assert facts["orchestrator.messages"].int_value > 4
    assert span.end_time_unix_nano > span.start_time_unix_nano


def test_only_hosts_that_may_are_told_the_trace(observed: Observed) -> None:
    told = [headers.get("traceparent", "") for headers in observed.seen["/flaky"]]
    assert all(TRACE in header for header in told)
    assert "traceparent" not in observed.seen["/untold"][0]


def test_log_lines(observed: Observed) -> None:
    lines = [json.loads(line) for line in observed.log.read_text().splitlines()]
    assert CANARY not in observed.log.read_text()
    assert all({"timestamp", "level", "service", "message"} <= line.keys() for line in lines), lines
    assert not any("uvicorn" in str(line) or "Started server process" in line["message"] for line in lines)
    run = observed.runs["traced"]
    mine = [line for line in lines if line.get("execution_id") == run]
    assert [line["status"] for line in mine if line["message"] == "run started"] == ["RUNNING"]
    (ended,) = [line for line in mine if line["message"] == "run ended"]
    assert ended["status"] == "COMPLETED"
    assert ended["duration_ms"] > 0
    flaky = [line for line in mine if line["message"] == "node run" and line["node_id"] == "Flaky"]
    assert [line["status"] for line in flaky] == ["RETRYING", "COMPLETED"]
    assert flaky[-1]["trace_id"] == TRACE
    (broken,) = [
        line for line in lines if line["message"] == "node run" and line.get("node_id") == "Broken" and "code" in line
    ]
    assert broken["status"] == "FAILED"
    calls = [line for line in lines if line["message"] == "rpc" and line["method"].endswith("/ExecuteWorkflow")]
    assert len(calls) == 3
    assert all(line["status"] == "OK" and "duration_ms" in line for line in calls)


def names_in(expressions: str) -> set[str]:
    return set(re.findall(r"\b(?:orchestrator|temporal)_[a-z0-9_]+", expressions))


def test_the_documentation_names_every_metric_and_no_other(observed: Observed) -> None:
    families = {family.name for family in text_string_to_metric_families(observed.scrape())}
    ours = {name for name in families if name.startswith("orchestrator_")}
    documented = set(re.findall(r"^\| `(orchestrator_[a-z_]+)`", (ROOT / "docs/observability.md").read_text(), re.M))
    assert {name.removesuffix("_total") for name in documented} == ours


@pytest.mark.system
def test_prometheus_answers_every_dashboard_and_alert(observed: Observed, tmp_path: Path) -> None:
    import subprocess
    import urllib.parse
    import urllib.request

    import yaml

    from tests.services.observability.conftest import start_prometheus

    rules = [ROOT / "deploy/prometheus" / name for name in ("alerts.yml", "recording.yml")]
    subprocess.run(["promtool", "check", "rules", *rules], check=True, capture_output=True, timeout=60)
    target = observed.metrics.removeprefix("http://")
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [{"job_name": "orchestrator", "static_configs": [{"targets": [target]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    process, url = start_prometheus(tmp_path / "data", tmp_path / "prometheus.yml")

    def ask(expression: str) -> Any:
        query = urllib.parse.urlencode({"query": expression.replace("$__rate_interval", "30s")})
        try:
            with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=30) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {error.read().decode()}") from None
        except OSError:
            return []

    try:
        eventually(lambda: ask('count_over_time(up{job="orchestrator"}[1m]) > 3'))
        boards = [json.loads(path.read_text()) for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))]
        shown = [target["expr"] for board in boards for panel in board["panels"] for target in panel["targets"]]
        groups = [group for path in rules for group in yaml.safe_load(path.read_text())["groups"]]
        expressions = [*shown, *(rule["expr"] for group in groups for rule in group["rules"])]
        answers = {expression: ask(expression) for expression in expressions}
        important = ("runs_ended", "runs_open", "node_runs_total", "rpc_requests", "queue_workers", "pool_size", "up{")
        for wanted in important:
            assert any(found for expression, found in answers.items() if wanted in expression), wanted
        families = {family.name for family in text_string_to_metric_families(observed.scrape())}
        named = {re.sub("_(total|bucket|count|sum)$", "", name) for name in names_in(" ".join(expressions))}
        # The SDK has no series of this before the first failure.
        assert named - families <= {"temporal_request_failure"}
        with urllib.request.urlopen(f"{url}/api/v1/rules", timeout=30) as answer:
            loaded = json.load(answer)["data"]["groups"]
        broken = [rule["name"] for group in loaded for rule in group["rules"] if rule["health"] == "err"]
        assert not broken
    finally:
        process.terminate()
        process.wait(timeout=30)
