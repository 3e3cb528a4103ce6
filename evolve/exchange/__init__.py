"""How does another router say what a policy does, and how much of it can it say?

`routers/` has a file for each router that champions are exported to and policies imported from. Every part of a policy
that is asked for is a *signal* with a grade: the same there, nearly the same and in what it differs, or not there at
all. Nothing is left out without a signal that says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from blis.foundation.answers import QUESTIONS
from blis.policies.binding import DEFAULT_POLICIES
from blis.policies.bundle import complete_policy

#: What becomes of a signal, the worst last.
EXACT, APPROXIMATE, MISSING = GRADES = ("exact", "approximate", "not available")


@dataclass(frozen=True, slots=True)
class Signal:
    """One part of a policy, and what it is at the other end."""

    question: str  #: that it is part of the answer to; "gateway" for the limits of the queue
    name: str  #: what it is here, when exported; what it is there, when imported
    grade: str  #: one of `GRADES`
    there: str = ""  #: what it becomes at the other end
    why: str = ""  #: what differs, or why there is nothing

    def plain(self) -> dict[str, str]:
        """Ready for JSON."""
        return {
            "question": self.question, "name": self.name, "grade": self.grade, "becomes": self.there, "why": self.why
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Champion:
    """What is exported."""

    policies: Mapping[str, Mapping[str, Any]]  #: question -> policy with its parameters
    limits: Mapping[str, int] = field(default_factory=dict)  #: of every instance's batch
    gateway: Mapping[str, Any] | None = None  #: what `cluster.gateway` is given; None: not known
    n_instances: int | None = None  #: of the cluster, for limits of the whole; None: not known

    def policy(self, question: str) -> Mapping[str, Any]:
        """The answer to a question with all its parameters, the simulator's default where there is none."""
        return complete_policy(question, self.policies.get(question) or DEFAULT_POLICIES[question])


@dataclass(frozen=True, slots=True)
class Exported:
    """A champion as another router says it."""

    text: str | None  #: the file, without comments on what it is; None: nothing of it can be said
    signals: Sequence[Signal]
    notes: Sequence[str] = ()  #: what the deployment must see to


@dataclass(frozen=True, slots=True)
class Imported:
    """A policy of another router."""

    policies: Mapping[str, Mapping[str, Any]]  #: question -> policy, as a bundle has them
    signals: Sequence[Signal]
    gateway: Mapping[str, Any] | None = None  #: for `cluster.gateway`, where it has a queue


def worst(signals: Sequence[Signal]) -> str:
    """The grade of the whole: that of its worst part; exact where there is none."""
    return max((one.grade for one in signals), key=GRADES.index, default=EXACT)


#: Questions that no router asks: the engines, the autoscaler and the tiers of the cache answer them.
ELSEWHERE = {
    "priority": "the engines' own: set it there",
    "scheduling": "the engines' own: set it there",
    "preemption": "the engines' own: set it there",
    "eviction": "the engines' own: set it there",
    "tiering": "the engines' own: set it there",
    "tier_eviction": "the engines' own: set it there",
    "tier_writing": "the engines' own: set it there",
    "preemption_mode": "the engines' own: set it there",
    "scaling": "the autoscaler's: set it there",
}
#: Those that llm-d's router alone asks.
_ENCODING = {
    "encoding": "it knows no instances that encode for others",
    "encode_routing": "it knows no instances that encode for others",
}


def signals_elsewhere(champion: Champion, says_encoding: bool = False) -> list[Signal]:
    """Of what no router decides, or not this one: answers that are not the plain ones, and limits of the batch."""
    elsewhere = ELSEWHERE if says_encoding else ELSEWHERE | _ENCODING
    found = [
        Signal(question, str(champion.policies[question]["policy"]), MISSING, why=elsewhere[question])
        for question in QUESTIONS
        if question in elsewhere and question in champion.policies
        if champion.policies[question]["policy"] != DEFAULT_POLICIES[question]
    ]
    return found + [
        Signal("limits", f"{name} {value}", MISSING, why="the engines' own: set it there")
        for name, value in champion.limits.items()
    ]
