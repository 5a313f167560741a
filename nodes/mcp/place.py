"""Where an MCP server is."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """Where a server is: `server` is a registered one's id, or `url` with the headers to send.

    `owner` keeps what one credential may see apart from what another may; `credential` is its name.
    """

    server: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    credential: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What its listing is kept under."""
        return (self.server, self.url, self.owner)
