"""What a gain on some members of some families lets expect on others: nested random effects.

A gain differs by seed, by member and by family. On *other members of these families* the families are what they are
and their members a sample: each family's mean is Student-distributed over the means of its members, whose scatter holds
the luck of seeds too, and the families are averaged as scenarios are (`evolve.comparing.intervals`). On *other
families* the families are a sample as well: their means are combined by random effects (`evolve.comparing.elsewhere`),
each as sure as its members agree. Means of the level below are all that the level above needs, whatever the numbers of
seeds, as long as seeds are nested in members and members in families (H. Scheffé, "The Analysis of Variance", 1959,
chapter 7).

Families on which a policy was searched or chosen say nothing of others: where there are families that the search has
not seen, only those do.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evolve.comparing import Effect
from evolve.comparing.elsewhere import elsewhere
from evolve.comparing.intervals import effect
from evolve.trials.scenarios import SuiteScenario


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where scenarios come from."""

    family_of: Mapping[str, str]  #: scenario -> its family
    seen: frozenset[str] = frozenset()  #: families on which a policy was searched or chosen; empty: there was no search

    def members(self, families: Sequence[str]) -> dict[str, list[str]]:
        """The scenarios of each of these families."""
        return {family: [one for one, own in self.family_of.items() if own == family] for family in families}

    @property
    def families(self) -> list[str]:
        """All of them, in their order."""
        return list(dict.fromkeys(self.family_of.values()))

    @property
    def known(self) -> list[str]:
        """Those whose other members are asked about: the seen ones, if there was a search that met any."""
        return [one for one in self.families if one in self.seen] or self.families

    @property
    def unknown(self) -> list[str]:
        """Those that stand for other families: none that was seen."""
        return [one for one in self.families if one not in self.seen]


def hierarchy_of(scenarios: Sequence[SuiteScenario], seen: Sequence[SuiteScenario] = ()) -> Hierarchy | None:
    """The families of these scenarios, and which of them a search has met in `seen`; None if none has a family."""
    family_of = {one.name: one.family for one in scenarios if one.family is not None}
    met = frozenset(one.family for one in seen if one.family is not None)
    return Hierarchy(family_of, met) if family_of else None


@dataclass(frozen=True, slots=True)
class Generalisation:
    """What to expect beyond the members that were measured."""

    members: Effect | None  #: mean gain on other members of `known`; None: a family has fewer than two
    known: tuple[str, ...]
    families: Effect | None  #: mean gain on other families, of which `unknown` are a sample; None: fewer than three
    unknown: tuple[str, ...]


def generalisation(
    hierarchy: Hierarchy, means: Mapping[str, float], variances: Mapping[str, float], seed: int, *names: str | int
) -> Generalisation:
    """The gain that other members and other families let expect.

    Parameters
    ----------
    hierarchy : Hierarchy
    means : mapping of str to float
        Scenario -> mean log gain over its seeds.
    variances : mapping of str to float
        Scenario -> variance of that mean, by the noise over seeds; infinite for one run.
    seed : int
        Of the draws that make the intervals.
    names : str or int
        Of the draws' random streams.
    """
    rows = {
        family: np.array([means[one] for one in own]) for family, own in hierarchy.members(hierarchy.families).items()
    }
    known, unknown = hierarchy.known, hierarchy.unknown
    members = None
    if min(len(rows[family]) for family in known) > 1:
        members = effect([rows[family] for family in known], seed, "members", *names)
    noise = [
        _noise(rows[family], [variances[one] for one in hierarchy.members([family])[family]]) for family in unknown
    ]
    families = elsewhere([float(rows[family].mean()) for family in unknown], noise, seed, "families", *names)
    return Generalisation(members, tuple(known), families, tuple(unknown))


def by_family(hierarchy: Hierarchy, means: Mapping[str, float], *names: str | int) -> dict[str, Effect]:
    """The mean gain in each family, with the interval over its members; unbounded of a single one."""
    return {
        family: effect([np.array([means[one] for one in own])], 0, "family", family, *names)
        for family, own in hierarchy.members(hierarchy.families).items()
    }


def _noise(row: np.ndarray, variances: Sequence[float]) -> float:
    """Variance of a family's mean: by the scatter of its members, or of a single one by its seeds."""
    return float(row.var(ddof=1)) / len(row) if len(row) > 1 else variances[0]


def in_words(found: Generalisation, rival: str) -> str:
    """One sentence on both."""
    shown = f"{found.members}" if found.members is not None else "nothing certain, as families have single members"
    text = f"On other members of {_listed(found.known)} expect {shown} over {rival} in the mean"
    if found.families is not None:
        sample = f"{_listed(found.unknown)} are a sample"
        text += f"; on other families, of which {sample}, expect {found.families}"
    else:
        text += "; of other families these say nothing, as fewer than three were not seen by the search"
    return f"{text} (nested random effects)."


def mean_log_gains(effects: Mapping[str, Effect]) -> dict[str, float]:
    """Scenario -> mean log gain."""
    return {name: math.log1p(one.gain_percent / 100.0) for name, one in effects.items()}


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
