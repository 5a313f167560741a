"""The chat models that AI agents call: one protocol, the providers behind it, what their answers cost."""
