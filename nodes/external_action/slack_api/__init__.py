"""Slack's Web API: the client, and one model an operation."""
