"""What every process shares: audio facts, wire formats, errors, settings. Light imports only."""
