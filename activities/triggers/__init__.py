"""Starts runs for triggers that time drives."""
