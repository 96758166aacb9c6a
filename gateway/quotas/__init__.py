"""How much of what a tenant may have is in use, in one gateway or over all that share a Redis."""
