"""Views of fleets, as policies of scaling see them."""

from typing import Any

import numpy as np

from blis.engine.codes import ABSENT, DRAINING, LOADING, WARM
from blis.engine.fleet_view import FleetView

_REAL = ("price", "prefill_us_per_token", "decode_us", "decode_us_per_request", "decode_us_per_token")


def fleet_view(
    maximum: int = 4,
    warm: int = 2,
    *,
    loading: int = 0,
    draining: int = 0,
    n_pools: int = 1,
    queued: list[int] | None = None,
    running: list[int] | None = None,
    used_blocks: list[int] | None = None,
    total_blocks: int = 1000,
    **others: Any,
) -> FleetView:
    """Pools that are alike, the first instances of each warm, then those that load, then those that drain.

    Lists are of the warm instances of the first pool; all others have nothing to report.
    """
    n_instances = n_pools * maximum
    states = [WARM] * warm + [LOADING] * loading + [DRAINING] * draining
    lifecycle = np.array((states + [ABSENT] * (maximum - len(states))) * n_pools)

    def reported(values: list[int] | None) -> np.ndarray:
        column = np.zeros(n_instances, np.int64)
        column[: len(values or [])] = values or []
        return column

    by_pool: dict[str, Any] = {name: np.zeros(n_pools, np.float64 if name in _REAL else np.int64) for name in _BY_POOL}
    by_pool |= {
        "first_instance": np.arange(n_pools) * maximum,
        "end_instance": np.arange(1, n_pools + 1) * maximum,
        "minimum_instances": np.full(n_pools, 1),
        "maximum_instances": np.full(n_pools, maximum),
        "initial_instances": np.full(n_pools, warm),
        "wanted_instances": np.full(n_pools, warm + loading),
        "loading_instances": np.full(n_pools, loading),
        "warm_instances": np.full(n_pools, warm),
        "draining_instances": np.full(n_pools, draining),
        "gpus": np.full(n_pools, 1),
        "free_gpus": np.full(n_pools, 1000),
        "price": np.arange(1.0, n_pools + 1),
        "max_running_requests": np.full(n_pools, 64),
        "step_token_budget": np.full(n_pools, 2048),
        "block_tokens": np.full(n_pools, 16 * total_blocks),
        "prefill_us_per_token": np.full(n_pools, 50.0),
        "decode_us": np.full(n_pools, 10_000.0),
        "decode_us_per_request": np.full(n_pools, 100.0),
        "decode_us_per_token": np.full(n_pools, 0.1),
    }
    by_pool |= {name: np.array(value) for name, value in others.items() if name in by_pool}
    scalars = {"clock_us": 15_000_000, "read_us": 15_000_000, "interval_us": 15_000_000}
    scalars |= {name: value for name, value in others.items() if name in scalars}
    return FleetView(
        **scalars,
        n_instances=n_instances,
        n_pools=n_pools,
        block_size_tokens=16,
        lifecycle=lifecycle,
        read_lifecycle=lifecycle.copy(),
        queued_requests=reported(queued),
        running_requests=reported(running),
        queued_tokens=np.zeros(n_instances, np.int64),
        used_blocks=reported(used_blocks),
        total_blocks=np.full(n_instances, total_blocks),
        **by_pool,
    )


_BY_POOL = FleetView._fields[FleetView._fields.index("first_instance") :]
