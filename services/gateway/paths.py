"""Which paths are for outsiders: whoever has the address may call, from any page, and no session counts."""

OUTSIDERS = ("/webhook/", "/webhook-test/", "/form/", "/chat/", "/task/", "/hooks/")
# Among them, those that ask who of our own people visits.
_VISITED = ("/chat/", "/task/")
# Temporal's Web UI calls these with a browser's session; they say themselves which origin may, and change nothing.
_OWN_ORIGINS = ("/codec/",)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Signing in needs no session, and must not fail because of one that is over.
SIGN_IN = (("POST", "/api/v1/session"), ("POST", "/signin"))


def is_for_outsiders(path: str) -> bool:
    """Whether the path is one whose endpoint says itself who may call."""
    return path.startswith(OUTSIDERS)


def is_visited(path: str) -> bool:
    """Whether the endpoint of an outsiders' path asks whose session it is."""
    return path.startswith(_VISITED)


def checks_origin_itself(path: str) -> bool:
    """Whether the endpoint looks at the Origin by itself."""
    return path.startswith(_OWN_ORIGINS) or is_for_outsiders(path)


def shown(path: str) -> str:
    """The path as logs may have it: what comes after an outsider's prefix can be a secret."""
    prefix = next((prefix for prefix in OUTSIDERS if path.startswith(prefix)), "")
    return f"{prefix}…" if prefix else path[:300]
