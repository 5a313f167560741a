"""Measurements of the engine beside bare Temporal: `make bench`."""
