"""Keeps definitions, runs, payloads and people in PostgreSQL: typed tables, and plain functions per aggregate."""
