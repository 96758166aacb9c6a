"""Who may come in, and how much they may have: keys, tokens, quotas, origins."""
