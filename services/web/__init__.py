"""The web: sources of a browser application, and what was built from them, which the gateway serves."""
