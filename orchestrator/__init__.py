"""Decides what runs next: the model of a workflow, the graph, validation, the run's state. Pure Python, no I/O."""
