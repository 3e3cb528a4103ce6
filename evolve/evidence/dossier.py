"""All evidence on one champion, as one record, and as plain data for JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from evolve.comparing import Effect
from evolve.comparing.comparison import Comparison, strongest
from evolve.comparing.sequential import Precision
from evolve.comparing.verdict import is_better, outlook, verdict
from evolve.evidence.ablation import Part
from evolve.evidence.ceiling import Ceiling
from evolve.evidence.classes import ClassEffect
from evolve.evidence.sensitivity import Change
from evolve.evidence.sweeps import Sweep


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is known of a champion after all questions were asked."""

    name: str  #: of the search, such as "routing_weights, ga, seed 1"
    policies: Mapping[str, Any]  #: question -> policy
    limits: Mapping[str, int]
    description: Sequence[str]  #: a line for each gene, such as a simplified formula
    scenarios: Sequence[str]  #: held out
    precision: Precision  #: that was asked for
    objectives: Mapping[str, float]  #: name -> weight
    violation: float  #: by how much constraints are broken on the held-out scenarios
    comparisons: Sequence[Comparison]
    class_rival: str  #: against whom classes are compared
    classes: Sequence[ClassEffect]
    parts: Sequence[Part]
    changes: Sequence[Change]
    load: Sweep
    staleness: Sweep
    physics: Sweep
    ceiling: Ceiling | None = None  #: what a look-ahead reaches; None: nobody asked
    notes: Sequence[str] = ()  #: what a reader must know: what was left out, replaced or undefined

    @property
    def verdict(self) -> str:
        """One sentence."""
        return verdict(self.comparisons, self.violation)

    @property
    def outlook(self) -> str | None:
        """One sentence on other scenarios; None of fewer than three."""
        return outlook(self.comparisons)

    @property
    def is_better(self) -> bool:
        """Whether the champion is better than every rival."""
        return is_better(self.comparisons, self.violation)

    @property
    def hardest(self) -> Comparison:
        """Against the strongest rival."""
        return strongest(self.comparisons)

    def plain(self) -> dict[str, Any]:
        """The dossier for JSON; an interval without bound is null."""
        found = self.hardest.generalisation
        return {
            "verdict": self.verdict, "is_better": self.is_better, "outlook": self.outlook, **_plain(self),
            **({} if found is None else {"generalisation": _plain(found)}),
        }  # fmt: skip


def _is_plain(field: Any) -> bool:
    return bool(field.metadata.get("plain", True))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        content = {field.name: _plain(getattr(value, field.name)) for field in fields(value) if _is_plain(field)}
        derived = {"reading": value.reading} if isinstance(value, Effect | Part) else {}
        return content | derived | ({"sentence": value.sentence} if isinstance(value, Ceiling) else {})
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
