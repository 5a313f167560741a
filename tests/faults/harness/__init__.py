"""Processes like those of production, a load on them, faults, and what must be true afterwards."""
