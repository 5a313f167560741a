"""Texts as nodes handle them for models: cut into pieces, and ordered by how well they fit a question."""
