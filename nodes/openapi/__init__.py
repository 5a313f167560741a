"""Reads OpenAPI 3 descriptions: what an operation takes, how it is sent, what it answers."""
