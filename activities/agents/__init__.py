"""The steps of an AI agent's work: a model's turn, and the answer to one of its calls."""
