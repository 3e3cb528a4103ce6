"""What a copy of a run meets: what will really come, or something else that might as well."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from blis.foundation.units import Int32Vector
from blis.simulate import Simulation


class Future(NamedTuple):
    """What is known of a run at a decision, and what may come."""

    simulation: Simulation  #: at the decision; it is copied, not run
    slo_class: Int32Vector  #: (n,) of every request in it


class Futures(Protocol):
    """Makes copies of a run."""

    def at(self, base: Simulation) -> Iterator[Future]:
        """Copies of the run at its present stop, one for each future; each is spent when the next is asked for."""


class RealFuture:
    """The one that comes."""

    def __init__(self, slo_class: Int32Vector) -> None:
        self._slo_class = slo_class

    def at(self, base: Simulation) -> Iterator[Future]:
        """The run as it is."""
        yield Future(base, self._slo_class)
