"""Turns the orchestrator's decisions into Temporal commands: workflow, worker, client, local dev server."""
