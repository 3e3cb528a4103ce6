"""What is said of a candidate to whoever proposed it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

#: The merit of a candidate that was refused or failed: below all that ran, which are above -1.
LEAST_MERIT = -1.0

JUDGED, REFUSED, FAILED = "judged", "refused", "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A candidate's worth, and why."""

    status: str  #: judged; refused: its source is not in the dialect; failed: it ran, and every run of it failed
    merit: float  #: to be maximised: 1 is as good as the best baseline, below 0 a constraint is broken
    parts: Mapping[str, float]  #: training scenario, or family -> its own merit there
    figures: Mapping[str, float] = field(default_factory=dict)  #: mean figures of its runs
    feedback: str = ""  #: for whoever writes the next candidate
    digest: str = ""  #: of the genome; "" if it was refused

    def plain(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)
