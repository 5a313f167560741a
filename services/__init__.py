"""Everything a client talks to, and what that needs: servicers, store, settings, wiring, command line."""

import os

# Else gRPC begins its threads anew in each child between fork and exec, which can end it. All of ours exec.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
