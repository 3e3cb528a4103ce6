"""What went wrong?

Each file is one kind of trouble: its `RULE` in a sentence, whether it is `COMPATIBLE` with a published counter of that
name, and `find(evidence) -> Finding`. A run without that trouble has count 0: what every busy cluster shows is no
anomaly. A file may say with `applies(evidence) -> bool` that its trouble is of a part that a cluster may lack.
"""

from dataclasses import dataclass, field

from blis.cluster.instances import Cluster
from blis.foundation.slo_targets import SloTargets
from blis.outcome import Outcome
from blis.policies.binding import BoundPolicy
from blis.workload.requests import Requests


@dataclass(frozen=True, slots=True)
class Evidence:
    """What detectors may look at: a finished run with its trace."""

    requests: Requests
    cluster: Cluster
    outcome: Outcome  #: its trace is there
    policies: dict[str, BoundPolicy]
    targets: SloTargets  #: what each class was promised
    meets_slo: object = None  #: (n,) bool, whether each request completed within its targets; None: there are none


@dataclass(frozen=True, slots=True)
class Example:
    """One instance of the trouble."""

    text: str  #: in words, with its figures
    time_s: float
    request: int | None = None
    instance: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """How often, how much, and where."""

    count: int
    rate: float | None  #: share of what it could have concerned; None: it could have concerned nothing
    rate_of: str  #: what the rate is a share of
    examples: tuple[Example, ...] = field(default_factory=tuple)  #: the worst, worst first


MOST_EXAMPLES = 5
