"""GitHub's REST API: the client, and one model an operation."""
