"""`python -m bench mps`: workers of one card under MPS, from its daemon's start to a fault of the card."""
