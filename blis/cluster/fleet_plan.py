"""Which instances of a cluster come and go: pools with their bounds, and failures to come."""

from collections.abc import Sequence
from dataclasses import dataclass

from blis.cluster.autoscaling import Autoscaling, of_pool
from blis.cluster.failures import Failure


@dataclass(frozen=True, slots=True)
class FleetPool:
    """Neighbouring instances that are alike, of which some may be absent."""

    initial: int  #: instances that serve at the start
    minimum: int
    maximum: int
    load_s: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """What comes and goes."""

    pools: tuple[FleetPool, ...]
    autoscaling: Autoscaling | None  #: None: nobody decides, instances only fail
    failures: tuple[Failure, ...] = ()


def fleet_pools(
    counts: Sequence[int], autoscaling: Autoscaling | None, start_up_s: Sequence[float]
) -> tuple[FleetPool, ...]:
    """The pools that begin with so many instances; where nobody scales they keep them."""
    if autoscaling is None:
        return tuple(FleetPool(count, count, count, 0.0) for count in counts)
    load_s = autoscaling.load_s
    return tuple(
        FleetPool(
            count,
            of_pool(autoscaling.minimum, pool),
            of_pool(autoscaling.maximum, pool),
            (load_s[0] if len(load_s) == 1 else load_s[pool]) if load_s else start_up_s[pool],
        )
        for pool, count in enumerate(counts)
    )
