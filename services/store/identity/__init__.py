"""Users, memberships, sessions and API keys, as they are stored."""
