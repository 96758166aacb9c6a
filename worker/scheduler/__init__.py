"""Which decode is next, and driving the engine with it."""
