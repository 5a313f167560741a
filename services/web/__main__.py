"""Says whether the built web is that of its sources, without Node: `python -m services.web`."""

import sys

from services.web.fingerprint import built_from, fingerprint

if built_from() != fingerprint():
    sys.exit("services/web/dist is behind its sources or the contract: run `make web`, and commit what it builds")
