"""The metrics that this program counts itself: their names are part of its interface."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Seconds. Few buckets: each is a time series for each label's value.
_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_RUN = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 86400.0)
_NODE = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_ANSWER = (60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0, 259200.0, 604800.0)


class Families:
    """Every counter, gauge and histogram, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.runs_started = Counter(
            "orchestrator_runs_started", "Runs that began", ["workflow", "mode"], registry=registry
        )
        self.runs_ended = Counter(
            "orchestrator_runs_ended", "Runs that ended", ["workflow", "mode", "status"], registry=registry
        )
        self.run_errors = Counter(
            "orchestrator_run_errors", "Runs that ended with an error, by its code", ["code"], registry=registry
        )
        self.run_duration = Histogram(
            "orchestrator_run_duration_seconds",
            "From the start of a run to its end",
            ["workflow"],
            buckets=_RUN,
            registry=registry,
        )
        self.node_runs = Counter(
            "orchestrator_node_runs", "Node runs that ended", ["subtype", "status"], registry=registry
        )
        self.node_errors = Counter(
            "orchestrator_node_errors", "Node runs that failed", ["subtype", "code"], registry=registry
        )
        self.node_retries = Counter(
            "orchestrator_node_retries",
            "Attempts at a node that failed and are followed by another",
            ["subtype", "code"],
            registry=registry,
        )
        self.node_duration = Histogram(
            "orchestrator_node_run_duration_seconds",
            "From the start of a node run's last attempt to its end",
            ["subtype"],
            buckets=_NODE,
            registry=registry,
        )
        self.model_tokens = Counter(
            "orchestrator_model_tokens", "Tokens that models read and wrote", ["model", "direction"], registry=registry
        )
        self.model_cost = Counter(
            "orchestrator_model_cost_usd", "What models cost, where the price is known", ["model"], registry=registry
        )
        self.queue_wait = Histogram(
            "orchestrator_queue_wait_seconds",
            "How long node runs waited for a worker, by task queue",
            ["task_queue"],
            buckets=_SHORT,
            registry=registry,
        )
        self.rpcs = Counter(
            "orchestrator_rpc_requests",
            "Calls of the API; via is grpc, or gateway for those that came in as HTTP",
            ["method", "code", "via"],
            registry=registry,
        )
        self.rpc_duration = Histogram(
            "orchestrator_rpc_duration_seconds",
            "Time to answer a call; streams aren't measured",
            ["method"],
            buckets=_SHORT,
            registry=registry,
        )
        self.streams = Gauge("orchestrator_rpc_streams_open", "Streams that are open", ["method"], registry=registry)
        self.http_requests = Counter(
            "orchestrator_http_requests",
            "Requests to the gateway: REST, webhooks, forms, pages",
            ["route", "method", "status"],
            registry=registry,
        )
        self.http_duration = Histogram(
            "orchestrator_http_request_duration_seconds",
            "Time to the head of the gateway's answer",
            ["route"],
            buckets=_SHORT,
            registry=registry,
        )
        self.webhooks = Counter(
            "orchestrator_webhooks", "Requests to webhooks, by what became of them", ["outcome"], registry=registry
        )
        self.tasks_opened = Counter("orchestrator_tasks_opened", "Questions put before people", registry=registry)
        self.tasks_answered = Counter(
            "orchestrator_tasks_answered", "Questions that people answered", registry=registry
        )
        self.task_answer = Histogram(
            "orchestrator_task_answer_seconds",
            "From question to answer",
            buckets=_ANSWER,
            registry=registry,
        )
        self.payload_bytes = Counter(
            "orchestrator_payload_bytes", "Bodies read from and written to the store", ["direction"], registry=registry
        )
        self.build = Gauge(
            "orchestrator_build_info", "Always 1; the labels say what runs", ["version", "python"], registry=registry
        )
