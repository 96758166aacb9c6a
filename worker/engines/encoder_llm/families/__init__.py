"""One small file for every family of checkpoints: its prompt, its numbers, its text."""
