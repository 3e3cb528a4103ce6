"""What a gain on some members of some families lets expect on others: nested random effects.

A gain differs by seed, by member and by family. On *other members of these families* the families are what they are
and their members a sample: the mean over families is as sure as the means of members agree within each, whose scatter
holds the luck of seeds too. Families scatter differently, so the degrees of freedom are those of F. E. Satterthwaite,
"An approximate distribution of estimates of variance components" (1946). On *other families* the families are a sample
as well: the mean over them is Student-distributed over their means, whose scatter holds all that lies below. Means of
the level below are all that the level above needs, as long as seeds are nested in members and members in families
(H. Scheffé, "The Analysis of Variance", 1959, chapter 7): exact where all families have as many members and seeds, and
near it where runs went to the noisiest. Weights by their variances would say a little more, but are estimated from too
few members to be believed: where families are alike, intervals of "95 %" then held the truth nine times in ten.

Families on which a policy was searched or chosen say nothing of others: where there are families that the search has
not seen, only those do.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blis.foundation.randomness import stream
from evolve.comparing import Effect
from evolve.comparing.intervals import CONFIDENCE, RESAMPLES, effect, in_percent
from evolve.trials.scenarios import SuiteScenario

#: Of fewer nothing is said of others.
FEWEST_FAMILIES = 3


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


def generalisation(hierarchy: Hierarchy, means: Mapping[str, float], seed: int, *names: str | int) -> Generalisation:
    """The gain that other members and other families let expect.

    Parameters
    ----------
    hierarchy : Hierarchy
    means : mapping of str to float
        Scenario -> mean log gain over its seeds.
    seed : int
        Of the draws that make the intervals.
    names : str or int
        Of the draws' random streams.
    """
    rows = {
        family: np.array([means[one] for one in own]) for family, own in hierarchy.members(hierarchy.families).items()
    }
    known, unknown = hierarchy.known, hierarchy.unknown
    members = _over_members([rows[family] for family in known], seed, "members", *names)
    families = None
    if len(unknown) >= FEWEST_FAMILIES:
        families = effect([np.array([rows[family].mean() for family in unknown])], seed, "families", *names)
    return Generalisation(members, tuple(known), families, tuple(unknown))


def _over_members(rows: Sequence[np.ndarray], seed: int, *names: str | int) -> Effect | None:
    """The mean over families of their members' means; None if a family has a single one."""
    if min(map(len, rows)) < 2:
        return None
    mean, count = float(np.mean([row.mean() for row in rows])), sum(map(len, rows))
    variances = [float(row.var(ddof=1)) / len(row) for row in rows]
    if not sum(variances):
        return Effect(in_percent(mean), in_percent(mean), in_percent(mean), count)
    freedom = sum(variances) ** 2 / sum(own**2 / (len(row) - 1) for own, row in zip(variances, rows, strict=True))
    draws = mean + math.sqrt(sum(variances)) / len(rows) * stream(seed, *names).standard_t(freedom, RESAMPLES)
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(draws, [tail, 100.0 - tail])
    return Effect(in_percent(mean), in_percent(low), in_percent(high), count)


def by_family(hierarchy: Hierarchy, means: Mapping[str, float], *names: str | int) -> dict[str, Effect]:
    """The mean gain in each family, with the interval over its members; unbounded of a single one."""
    return {
        family: effect([np.array([means[one] for one in own])], 0, "family", family, *names)
        for family, own in hierarchy.members(hierarchy.families).items()
    }


def in_words(found: Generalisation, rival: str) -> str:
    """One sentence on both."""
    shown = f"{found.members}" if found.members is not None else "nothing certain, as families have single members"
    text = f"On other members of {_listed(found.known)} expect {shown} over {rival} in the mean"
    sample = "these" if found.unknown == found.known else _listed(found.unknown)
    if found.families is not None:
        text += f"; on other families, of which {sample} are a sample, expect {found.families}"
    else:
        few = "there are" if found.unknown == found.known else "the search left"
        unseen = "" if found.unknown == found.known else " unseen"
        text += f"; of other families these say nothing, as {few} fewer than three{unseen}"
    return f"{text} (nested random effects)."


def mean_log_gains(effects: Mapping[str, Effect]) -> dict[str, float]:
    """Scenario -> mean log gain."""
    return {name: math.log1p(one.gain_percent / 100.0) for name, one in effects.items()}


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
