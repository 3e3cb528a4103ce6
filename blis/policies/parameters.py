"""What a policy's parameter may be, and how it becomes the float64 vector that kernels read."""

from typing import NamedTuple


class Bounds(NamedTuple):
    """Range of a number, both ends included, and its unit."""

    low: float
    high: float
    unit: str = ""


class ScorerWeights(NamedTuple):
    """Marks an ordered list of (scorer, weight): weights are finite and above zero, and are scaled to sum 1."""


class FilterList(NamedTuple):
    """Marks an ordered list of filters, each of which has parameters of its own."""


class OneOf(NamedTuple):
    """Marks one of several words; kernels read its place among them."""

    words: tuple[str, ...]


class Formula(NamedTuple):
    """Marks a postfix program over the features of a question."""

    question: str
