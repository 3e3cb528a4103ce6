"""Is the best of what was found better than the best of what was known, or only lucky? One standard error decides.

Of many finalists that are as good as a known policy one comes out ahead by chance. So a new policy becomes champion
only where it leads the best known one by more than the standard error of the lead; else the known one, which needs no
change and no trust, is what the search answers. Source: the one-standard-error rule of Breiman, Friedman, Olshen and
Stone, "Classification and Regression Trees" (1984, section 3.4.3), with "known" for "simple".

The lead is the mean over families of their members' mean log gains, and over single scenarios of their seeds', run by
run on the same requests; its error is what scatters below.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from evolve.comparing import Objective
from evolve.comparing.gains import gains
from evolve.comparing.intervals import in_percent
from evolve.records import Record

Scenario = TypeVar("Scenario")


class Lead(NamedTuple):
    """How far the best new policy is ahead of the best known one."""

    known: str  #: name of the known policy
    found: str  #: what the new one is called
    log_gain: float  #: > 0: the new one is better
    standard_error: float  #: NaN where a part has a single run, so that nothing is known of the noise

    @property
    def is_luck(self) -> bool:
        """Whether chance alone would often give such a lead."""
        return self.log_gain <= self.standard_error


def lead_of(
    ours: Mapping[Scenario, Sequence[Record]],
    theirs: Mapping[Scenario, Sequence[Record]],
    parts: Sequence[Sequence[Scenario]],
    objectives: Sequence[Objective],
) -> tuple[float, float]:
    """The mean log gain, and its standard error.

    Parameters
    ----------
    ours, theirs : mapping to sequence of Record
        Scenario -> a record for each seed, on the same requests.
    parts : sequence of sequences
        The members of each family; every other scenario by itself.
    objectives : sequence of Objective
    """
    means, variances = [], []
    for scenarios in parts:
        rows = [gains(ours[name], theirs[name], objectives)[0] for name in scenarios]
        sample = rows[0] if len(rows) == 1 else np.array([row.mean() for row in rows])
        means.append(float(sample.mean()))
        variances.append(float(sample.var(ddof=1)) / len(sample) if len(sample) > 1 else math.nan)
    return float(np.mean(means)), math.sqrt(sum(variances)) / len(parts)


def lead_text(lead: Lead) -> str:
    """What people should know of a champion that was known before."""
    return (
        f"{lead.known} is champion, as nothing that was found leads it by more than luck: {lead.found} is ahead by "
        f"{in_percent(lead.log_gain):.2f} %, with a standard error of {in_percent(lead.standard_error):.2f} %."
    )
