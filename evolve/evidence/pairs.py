"""Policies compared two by two: what came of it, for people and for programs."""

import math
from dataclasses import dataclass
from typing import Any

from evolve.comparing import Effect
from evolve.comparing.comparison import Comparison
from evolve.comparing.objectives import read_objectives
from evolve.comparing.verdict import outlook
from evolve.evidence.question import Question
from evolve.evidence.text import table


@dataclass(frozen=True, slots=True)
class Pair:
    """One policy against another."""

    a: str
    b: str
    comparison: Comparison  #: of a against b
    reading: str  #: of a: better, worse or unclear, corrected for the number of pairs

    @property
    def verdict(self) -> str:
        """What the intervals allow to say."""
        if self.comparison.is_equal:
            return f"{self.a} and {self.b} are equal in every run"
        if self.reading == "unclear":
            alone = "" if self.comparison.overall.reading == "unclear" else ", as one of several pairs"
            return f"neither of {self.a} and {self.b} is shown to be better{alone}"
        first, second = (self.a, self.b) if self.reading == "better" else (self.b, self.a)
        return f"{first} is better than {second}"

    def plain(self, effect: Effect) -> dict[str, Any]:
        """An effect of the pair as JSON holds it; gains are shares: 0.05 is 5 %."""
        return {"a": self.a, "b": self.b, **shares(effect), "runs": effect.n_pairs}


def shares(effect: Effect) -> dict[str, float | None]:
    """A gain and its bounds as JSON holds them; null where there is no bound."""
    bounds = {"gain": effect.gain_percent, "low": effect.low_percent, "high": effect.high_percent}
    return {name: value / 100 if math.isfinite(value) else None for name, value in bounds.items()}


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a question."""

    question: Question
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "pairs": [one.plain(one.comparison.overall) | {"verdict": one.verdict} for one in self.pairs],
            "by_scenario": {
                scenario.name: [one.plain(one.comparison.scenarios[scenario.name]) for one in self.pairs]
                for scenario in self.question.scenarios
            },
            **self._generalisations(),
            "objectives": {one.name: one.weight for one in read_objectives(self.question.goals)},
            "half_width": self.question.precision.half_width,
            "notes": list(self.notes),
        }

    def _generalisations(self) -> dict[str, Any]:
        """What to expect beyond what was measured, of each pair; nothing where there are no families."""
        rows = []
        for one in self.pairs:
            found = one.comparison.generalisation
            if found is not None:
                members = found.members and {**shares(found.members), "members": found.members.n_pairs}
                families = found.families and {**shares(found.families), "families": found.families.n_pairs}
                rows.append({"a": one.a, "b": one.b, "other_members": members, "other_families": families})
        return {"generalisation": rows} if rows else {}

    def text(self) -> str:
        """What people read."""
        lines = []
        for one in self.pairs:
            noisiest, share = one.comparison.noisiest
            held = (
                f"; {noisiest} holds {share:.0%} of the variance"
                if share > 0.0 and len(self.question.scenarios) > 1
                else ""
            )
            overall = one.comparison.overall
            lines.append(f"{one.verdict}: {overall} for {one.a}, by {overall.n_pairs} paired runs{held}.")
            expected = outlook([one.comparison])
            lines += [expected, ""] if expected and not one.comparison.is_equal else [""]
        families = list(self.pairs[0].comparison.families)
        titles = [f"gain of {one.a} over {one.b}" for one in self.pairs]
        if families:
            of_families = [(name, *(str(one.comparison.families[name]) for one in self.pairs)) for name in families]
            lines += [*table(("family, over its members", *titles), of_families), ""]
        rows = [
            (scenario.name, *(str(one.comparison.scenarios[scenario.name]) for one in self.pairs))
            for scenario in self.question.scenarios
        ]
        lines += table(("scenario", *titles), rows)
        lines += ["", *(f"note: {note}" for note in self.notes)]
        return "\n".join(lines).rstrip() + "\n"
