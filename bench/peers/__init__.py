"""Other servers on the same machine and checkpoint, so that a ratio stands in one table."""
