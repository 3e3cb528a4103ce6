"""How good is a champion, honestly?

Each file asks one question of a champion and its rivals: `classes` (for whom is it better?),
`ablation` (which genes matter?), `sensitivity` (how exact must its numbers be?), `sweeps` (at other loads, with
older signals, and under other prices?). Each has a verb `examine` that takes what it needs, among it `Measure`, and
returns plain records. All compare on the same requests, pair by pair.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from evolve.records import Phenotype, Record


@dataclass(frozen=True, slots=True)
class Condition:
    """Where policies are compared."""

    scenario: str  #: name in the suite
    load: float | None = None  #: arrival rate as a factor of the saturation rate; None: the scenario's
    snapshot_refresh_us: int | None = None  #: age that reported signals may reach; None: the scenario's
    physics: str | None = None  #: kind of latency model; None: the scenario's


#: (phenotypes, conditions, seeds) -> record of each phenotype, under each condition, with each seed.
Measure: TypeAlias = Callable[[Sequence[Phenotype], Sequence[Condition], Sequence[int]], list[list[list[Record]]]]


#: Named policies to be compared.
Policies: TypeAlias = Mapping[str, Phenotype]
