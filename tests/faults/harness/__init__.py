"""Processes like those of production, a load on them, faults, and what must be true afterwards."""

import services  # noqa: F401 - before anything imports gRPC, which it configures
