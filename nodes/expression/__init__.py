"""Resolves `{{ … }}` in a node's parameters: plain look-ups at once, JavaScript in a confined process."""
