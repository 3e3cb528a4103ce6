"""What does a search leave behind?

`run_folder` keeps its configuration, `champion` writes what was found and `history` all that was simulated, `summary`
and `figures` describe it to people, `stability` and `lead` say on what the choice rests, and `results` calls on them
all and says what trackers hear of it. `files` writes whole files or none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evolve.judging.fitness import Judgement
from evolve.outcome.lead import Lead
from evolve.outcome.stability import Stability
from evolve.selection.individual import Individual


class Finalist(NamedTuple):
    """Who was judged again, and how."""

    individual: Individual  #: with the score of both judgements together
    train: Judgement  #: on the training scenarios, with the seeds of the validation
    validation: Judgement


@dataclass(frozen=True, slots=True)
class Finals:
    """How the finals went."""

    champion: Finalist
    finalists: Sequence[Finalist]  #: the best first
    front: Sequence[Finalist]  #: those that no other dominates, the champion among them
    test: Judgement  #: the champion's
    baselines: Mapping[str, Mapping[str, Judgement]]  #: role -> baseline -> judgement, as the champion was judged
    stability: Stability  #: how those that were judged to the end rank without a scenario, in their order
    lead: Lead | None = None  #: of the best new policy over the best known one, if a new one did best
