"""Asks people, reminds them, and writes down what they decided."""
