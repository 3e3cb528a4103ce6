"""A cluster whose instances come and go, as the kernel reads it: pools, failures and times."""

from blis.cluster.expected_prices import expected_prices
from blis.cluster.instances import Cluster, Instance
from blis.engine.codes import NEVER_US
from blis.engine.fleet_fields import FAILURE_FIELDS, POOL_FIELDS
from blis.engine.fleet_start import FleetTables
from blis.engine.records import records
from blis.foundation.roles import BITS, DECODE
from blis.foundation.units import US_PER_S


def fleet_settings(cluster: Cluster) -> dict[str, int]:
    """The kernel's settings."""
    fleet = cluster.fleet
    autoscaling = fleet.autoscaling if fleet else None
    return {
        "has_fleet": fleet is not None,
        "restricts_candidates": fleet is not None or any(not BITS[one.role] & DECODE for one in cluster.instances),
        "n_pools": len(fleet.pools) if fleet else 0,
        "scales": autoscaling is not None,
        "scaling_tick_us": _us(autoscaling.tick_s) if autoscaling else 0,
        "reading_age_us": _us(autoscaling.reading_age_s) if autoscaling else 0,
        "actuation_delay_us": _us(autoscaling.actuation_delay_s) if autoscaling else 0,
        "hands_back": autoscaling is not None and autoscaling.drain == "hand-back",
    }


def fleet_tables(cluster: Cluster) -> FleetTables | None:
    """What is given of the fleet; None where every instance is there all the time."""
    fleet = cluster.fleet
    if fleet is None:
        return None
    pools, failures = records(POOL_FIELDS, len(fleet.pools)), records(FAILURE_FIELDS, len(fleet.failures))
    inventory = fleet.autoscaling.inventory if fleet.autoscaling else {}
    kinds: dict[str, int] = {}
    models: dict[tuple[str, str], int] = {}
    has_prices = all(one.price_per_hour is not None for one in cluster.instances)
    first = 0
    for row, pool in zip(pools, fleet.pools, strict=True):
        one: Instance = cluster.instances[first]
        row.first_instance, row.end_instance = first, first + pool.maximum
        row.minimum_instances, row.maximum_instances = pool.minimum, pool.maximum
        row.initial_instances = row.wanted_instances = row.warm_instances = pool.initial
        row.gpus = one.tensor_parallel
        row.gpu_kind = kinds.setdefault(one.hardware, len(kinds))
        row.inventory_gpus = inventory.get(one.hardware, NEVER_US)
        row.load_us = _us(pool.load_s)
        row.price = one.price_per_hour if has_prices else float(one.tensor_parallel)
        row.model = models.setdefault((one.model, one.role), len(models))
        row.max_running_requests, row.step_token_budget = one.max_running_requests, one.step_token_budget
        row.block_tokens = one.kv_blocks * cluster.block_size_tokens
        for name, value in expected_prices(cluster.latency, one)._asdict().items():
            row[name] = value
        first += pool.maximum
    for row, failure in zip(failures, fleet.failures, strict=True):
        row.at_us, row.instance = _us(failure.at_s), failure.instance
        row.loses = failure.requests == "lose"
        if failure.recovers_after_s is not None:
            row.recovers_us = row.at_us + max(1, _us(failure.recovers_after_s))
    return FleetTables(pools, failures)


def _us(seconds: float) -> int:
    return round(seconds * US_PER_S)
