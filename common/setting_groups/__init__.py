"""The settings, a record for each concern.

A new one is a field here, with its description and how far a reload reaches, and a row in docs/settings.md.
Its flag, its variable and its key in the file follow from its name.
"""
