"""Which gateway has which session: pins, kept in this process or in Redis."""
