"""Sums over instances."""

from blis.foundation.units import Int64Vector


def total(counts: Int64Vector) -> int:
    """The sum; for the few instances of a cluster, adding Python's numbers is quicker than calling numpy."""
    return sum(counts.tolist())
