"""The fleet before the first event: who serves, what is going to fail, and when something happens first."""

from typing import NamedTuple

import numpy as np

from blis.engine.codes import (
    ABSENT,
    ACTUATES_US,
    NEVER_US,
    NEXT_FLEET_US,
    NEXT_READING_US,
    NEXT_TICK_US,
    WARM,
)
from blis.engine.fleet_fields import FAILURE_FIELDS, FLEET_EVENT_FIELDS, POOL_FIELDS
from blis.engine.instance_fields import INSTANCE_FIELDS
from blis.engine.records import Records, records
from blis.engine.state import Fleet
from blis.foundation.units import Int64Vector


class FleetTables(NamedTuple):
    """What is given of a fleet: pools that may grow and shrink, and failures to come; copied, never changed."""

    pools: Records  # (number of pools,) POOL_FIELDS
    failures: Records  # (number of failures,) FAILURE_FIELDS in the order of time


def no_fleet() -> FleetTables:
    """Instances that are there all the time."""
    return FleetTables(records(POOL_FIELDS, 0), records(FAILURE_FIELDS, 0))


def new_fleet(instances: Records, tables: FleetTables | None) -> Fleet:
    """The fleet's part of a state, with room for the log's first entries."""
    pools, failures = tables or no_fleet()
    has_fleet = len(pools) > 0
    return Fleet(
        pools=pools.copy(),
        read=instances.copy() if has_fleet else records(INSTANCE_FIELDS, 0),
        wanted=pools.initial_instances.copy(),
        failures=failures.copy(),
        events=records(FLEET_EVENT_FIELDS, 64 + 8 * len(instances) if has_fleet else 0),
    )


def place_instances(instances: Records, cluster: Int64Vector, settings: Records, tables: FleetTables | None) -> None:
    """Let the first instances of each pool serve from the start and the others be absent; fix the first event."""
    pools, failures = tables or no_fleet()
    for pool in pools:
        later = slice(pool.first_instance + pool.initial_instances, pool.end_instance)
        instances.lifecycle[pool.first_instance : pool.end_instance] = WARM
        instances.lifecycle[later], instances.routable[later] = ABSENT, 0
    first_tick_us = 0 if settings.scales else NEVER_US
    cluster[NEXT_TICK_US] = cluster[NEXT_READING_US] = first_tick_us
    cluster[ACTUATES_US] = NEVER_US
    cluster[NEXT_FLEET_US] = min(first_tick_us, int(np.min(failures.at_us, initial=NEVER_US)))
