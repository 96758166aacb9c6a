"""Models behind one door; worker/engines/registry.py is the only list of them."""
