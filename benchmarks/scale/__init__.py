"""How the API does with a million runs on record and a thousand clients connected."""
