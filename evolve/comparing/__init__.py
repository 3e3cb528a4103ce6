"""Is one policy better than another, run by run on the same requests?

`objectives` reads what counts off a record, `gains` says by how much one record is better than another, `intervals` how
sure that is over seeds, `comparison` does it for a champion and its rivals, and `verdict` puts it into a sentence.
"""

from collections.abc import Callable
from dataclasses import dataclass

from blis.fitness.objectives import Objective as Judged
from evolve.records import Record


@dataclass(frozen=True, slots=True)
class Objective:
    """What counts as better, and how much."""

    name: str
    weight: float  #: > 0; only ratios matter
    judged: Judged  #: which way it is better, and how two values make a ratio
    value: Callable[[Record], float | None]  #: reads it off a record; None where it is not defined


@dataclass(frozen=True, slots=True)
class Effect:
    """A paired difference with its interval, as a change of the fitness ratio."""

    gain_percent: float  #: > 0: better; 100 (ratio - 1), ratios averaged geometrically
    low_percent: float  #: bounds of the 95 % interval
    high_percent: float
    n_pairs: int
    n_undefined: int = 0  #: pairs of figures of which one did not exist or was zero, see `evolve.comparing.gains`
    chance: float = 1.0  #: probability of a mean as far from zero, on both sides, if there were no difference

    @property
    def half_width(self) -> float:
        """Half of the interval's width, as a share of 1; infinite without bounds."""
        return 0.005 * (self.high_percent - self.low_percent)

    @property
    def reading(self) -> str:
        """better, worse, or unclear: what the interval allows to say."""
        if self.low_percent > 0.0:
            return "better"
        return "worse" if self.high_percent < 0.0 else "unclear"

    def __str__(self) -> str:
        return f"{self.gain_percent:+.2f} % [{self.low_percent:+.2f}, {self.high_percent:+.2f}]"
