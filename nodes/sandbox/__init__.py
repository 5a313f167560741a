"""Runs code that nobody vouches for, in confined processes that can be killed."""
