"""Measurements against a running server: `python -m bench wer|endpoints|partials|streams --help`."""
