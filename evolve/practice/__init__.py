"""What would have come of the decisions that a policy did not make?

`Practice` runs a policy in the training scenarios, makes sampled routing decisions otherwise, and returns `Lessons`:
what the router could see of each instance, and what choosing it would have been worth. For algorithms that learn from
more than a score; `evolve.learning` is what can be learnt.
"""

from dataclasses import dataclass
from typing import Protocol

from blis.foundation.units import BoolVector, Float64Vector, Int64Vector
from evolve.records import Phenotype


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """Routing decisions and what each choice was worth; one row for each decision and instance, in their order."""

    decision: Int64Vector  #: (rows,) counted from 0; instances of one decision follow each other
    scenario: Int64Vector  #: (rows,) place among the training scenarios
    is_chosen: BoolVector  #: (rows,) what the policy chose
    scores: Float64Vector  #: (rows, scorers) what `scorers` say of the instance, between 0 and 1
    features: Float64Vector  #: (rows, features) of `blis.engine.program.ROUTING_FEATURES`
    #: (horizons, rows) log worth gained over the choice that was made, summed over the requests concerned that came up
    #: to that horizon; 0 for the choice itself
    advantage: Float64Vector
    scorers: tuple[str, ...]
    horizons_s: tuple[float, ...]


class Teacher(Protocol):
    """Whoever gives lessons on a policy."""

    def lessons(self, phenotype: Phenotype, decisions: int, turn: int) -> Lessons:
        """Lessons on about so many decisions of the policy; another `turn` looks at other requests."""
