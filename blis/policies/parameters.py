"""What a policy's parameter may be, and how it becomes the float64 vector that kernels read."""

from typing import NamedTuple

#: What a policy may ask for in `NEEDS`, because it costs something to know: what instances learn while they serve, and
#: what they hold.
LEARNED_SIGNALS = frozenset({"expected_output_tokens", "uncached_tokens", "tenant_service"})
COSTLY_SIGNALS = LEARNED_SIGNALS | {"cached_blocks", "affinity_blocks"}


class Bounds(NamedTuple):
    """Range of a number, both ends included, and its unit."""

    low: float
    high: float
    unit: str = ""


class ScorerWeights(NamedTuple):
    """Marks an ordered list of (scorer, weight): weights are finite and above zero, and are scaled to sum 1."""


class Formula(NamedTuple):
    """Marks a postfix program over the features of a question."""

    question: str
