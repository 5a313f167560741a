"""What an operator sees of a running system: metrics, traces and lines in the log."""
