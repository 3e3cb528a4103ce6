"""What a copy of a run meets: what will really come, or something else that might as well."""

from typing import NamedTuple, Protocol

from blis.foundation.units import Int32Vector
from blis.simulate import Simulation


class Future(NamedTuple):
    """A copy of a run at a decision, to be spent."""

    simulation: Simulation
    slo_class: Int32Vector  #: (n,) of every request in it


class Futures(Protocol):
    """Makes copies of a run."""

    def at(self, base: Simulation) -> list[Future]:
        """Copies of the run at its present stop, one for each future."""


class RealFuture:
    """The one that comes."""

    def __init__(self, slo_class: Int32Vector) -> None:
        self._slo_class = slo_class

    def at(self, base: Simulation) -> list[Future]:
        """One copy, of the run as it is."""
        return [Future(base.fork(), self._slo_class)]
