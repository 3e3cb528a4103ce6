"""What a fleet that grows, shrinks and fails did: nothing where instances neither come nor go."""

import numpy as np

from blis.cluster.instances import Cluster
from blis.engine.codes import BECAME_WARM, BEGAN_DRAINING, CANCELLED, DIED, STARTED, UNPLACED
from blis.foundation.units import US_PER_S
from blis.metrics.totals import total
from blis.outcome import Outcome


def fleet_figures(cluster: Cluster, outcome: Outcome) -> dict[str, int | float | None]:
    """Instance seconds by state, and what happened to instances.

    `time_to_ready` is from the decision to the moment from which on requests are sent there, of the instances that came
    to it.
    """
    if cluster.fleet is None:
        return {}
    instances, events = outcome.instances, outcome.fleet_events
    ready_us = events.amount[events.kind == BECAME_WARM].tolist()

    def count(*kinds: int) -> int:
        return int(np.isin(events.kind, kinds).sum())

    return {
        "loading_seconds": total(instances.loading_us) / US_PER_S,
        "warm_seconds": total(instances.warm_us) / US_PER_S,
        "draining_seconds": total(instances.draining_us) / US_PER_S,
        "failed_seconds": total(instances.failed_us) / US_PER_S,
        "scale_ups": count(STARTED),
        "scale_downs": count(BEGAN_DRAINING, CANCELLED),
        "unplaced_instances": int(events.amount[events.kind == UNPLACED].sum()),
        "instance_failures": count(DIED),
        "rerouted_requests": outcome.n_rerouted,
        "time_to_ready_mean_s": sum(ready_us) / len(ready_us) / US_PER_S if ready_us else None,
        "time_to_ready_max_s": max(ready_us) / US_PER_S if ready_us else None,
    }
