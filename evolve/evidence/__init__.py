"""How good is a champion, honestly?

Each file asks one question of a champion and its rivals: `comparison` (is it better?), `classes` (for whom?),
`ablation` (which genes matter?), `sensitivity` (how exact must its numbers be?), `sweeps` (at other loads, and with
older signals?). Each has a verb `examine` that takes what it needs, among it `Measure`, and returns plain records.
All compare on the same requests, pair by pair.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from blis.fitness.objectives import Objective as Judged
from evolve.records import Phenotype, Record


@dataclass(frozen=True, slots=True)
class Condition:
    """Where policies are compared."""

    scenario: str  #: name in the suite
    load: float | None = None  #: arrival rate as a factor of the saturation rate; None: the scenario's
    snapshot_refresh_us: int | None = None  #: age that reported signals may reach; None: the scenario's


#: (phenotypes, conditions, seeds) -> record of each phenotype, under each condition, with each seed.
Measure: TypeAlias = Callable[[Sequence[Phenotype], Sequence[Condition], Sequence[int]], list[list[list[Record]]]]


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

    @property
    def reading(self) -> str:
        """better, worse, or unclear: what the interval allows to say."""
        if self.low_percent > 0.0:
            return "better"
        return "worse" if self.high_percent < 0.0 else "unclear"

    def __str__(self) -> str:
        return f"{self.gain_percent:+.2f} % [{self.low_percent:+.2f}, {self.high_percent:+.2f}]"


#: Named policies to be compared.
Policies: TypeAlias = Mapping[str, Phenotype]
