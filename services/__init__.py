"""Everything a client talks to, and what that needs: servicers, store, settings, wiring, command line."""
