"""Numbers on a command line: a word that is none, or of the wrong size, ends the program with a sentence."""

from __future__ import annotations

import argparse


def positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def counts(text: str) -> tuple[int, ...]:
    return tuple(count(part) for part in text.split(","))
