"""Speaks the Model Context Protocol: with servers that the operator registered, and with ones on the network."""
