"""Runs catalogue nodes as Temporal activities; resolves data references and turns node errors into failures."""
