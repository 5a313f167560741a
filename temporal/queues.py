"""Which of Temporal's task queues a queue of the plan is: each deployment has its own, named after the runs' one."""

DEFAULT = "default"
# Users' code has a queue of its own, so that its workers can be kept apart; so have agents, who wait for their models.
CODE, AI = "code", "ai"
KNOWN = (DEFAULT, CODE, AI)


def task_queue(queue: str, runs: str) -> str:
    """The task queue for a queue's name, empty for the default one; `runs` is that of the runs themselves."""
    if queue in ("", DEFAULT):
        return runs
    return queue if runs == DEFAULT else f"{runs}-{queue}"
