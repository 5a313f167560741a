"""How nodes speak HTTP: one client, one way to send, one reading of what went wrong."""
