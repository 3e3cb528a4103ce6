"""What happened to the fleet: decisions about its size, instances that came, went and died."""

from typing import TYPE_CHECKING

from blis.engine.codes import BECAME_WARM, DECIDED, FLEET_EVENT_NAMES, RECOVERED, UNPLACED
from blis.foundation.columns import numbers, table_of, texts
from blis.foundation.units import US_PER_S
from blis.result import Result

if TYPE_CHECKING:
    import pyarrow

_OF_INSTANCES = (DECIDED, UNPLACED)
_OF_TIME = (BECAME_WARM, RECOVERED)


def table(result: Result) -> "pyarrow.Table | None":
    """One row per event; None where instances neither come nor go.

    `instances` is how many are wanted, or found no GPUs; `since_s` how long ago the instance was wanted, or died;
    `requests` how many it had when it began to drain, or died.
    """
    import numpy as np

    if result.cluster.fleet is None:
        return None
    events = result.outcome.fleet_events
    is_number, is_time = np.isin(events.kind, _OF_INSTANCES), np.isin(events.kind, _OF_TIME)
    return table_of(
        {
            "clock_us": events.clock_us,
            "event": texts([FLEET_EVENT_NAMES[kind] for kind in events.kind.tolist()]),
            "pool": events.pool,
            "instance": numbers(events.instance, events.instance < 0),
            "instances": numbers(events.amount, ~is_number),
            "since_s": numbers(events.amount / US_PER_S, ~is_time),
            "requests": numbers(events.amount, is_number | is_time),
        }
    )
