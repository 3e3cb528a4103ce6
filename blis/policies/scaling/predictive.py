"""Have the instances that will be needed by the time that they could serve: a forecast of the rate of arrivals.

Wise where load rises and falls slowly against the time that loading takes, as over a day; a forecast of bursts is only
noise. The rate is followed by its level and its trend (Holt's linear method) and carried on; an instance carries the
rate that is given, or what the prices of its steps say for the lengths that were seen.

Source: Holt, "Forecasting seasonals and trends by exponentially weighted averages" (1957, reprinted 2004); the capacity
of an instance as planners work it out, see `planner`.
"""

import math
from typing import Annotated, NamedTuple

from blis.engine.fleet_view import FleetView
from blis.engine.pool_readings import LENGTH_PLACES, RATE, carried_rate, follow_lengths
from blis.engine.stabilising import PLACES_PER_INSTANCE, stabilised
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.pacing import MostDownShare, MostUpInstances, MostUpShare, PeriodS, WindowS
from blis.policies.parameters import Bounds

# Places of a pool's memory behind those of its lengths: level and trend of the rate, readings so far.
_LEVEL, _TREND, _COUNT, _PLACES = range(LENGTH_PLACES, LENGTH_PLACES + 4)


class Params(NamedTuple):
    """How the rate is followed, how far it is carried on, what an instance carries."""

    level_gain: Annotated[float, Bounds(0.0, 1.0, "share of the latest rate")] = 0.3
    trend_gain: Annotated[float, Bounds(0.0, 1.0, "share of the latest change")] = 0.1
    horizon_s: Annotated[float, Bounds(0.0, 86_400.0, "s")] = 240.0
    requests_per_s: Annotated[float, Bounds(0.0, 1e6, "requests/s of an instance; 0: from the prices of steps")] = 0.0
    itl_ms: Annotated[float, Bounds(0.01, 1e6, "ms, of a step of decodes, for its price")] = 50.0
    use: Annotated[float, Bounds(0.01, 10.0, "share of that rate that an instance is to have")] = 0.7
    down_window_s: WindowS = 300.0
    up_window_s: WindowS = 0.0
    most_up_share: MostUpShare = 1.0
    most_up_instances: MostUpInstances = 4.0
    most_down_share: MostDownShare = 1.0
    period_s: PeriodS = 15.0


def memory_size(n_instances: int, n_requests: int) -> int:
    """Recommendations of the windows, then what is known of each pool."""
    return PLACES_PER_INSTANCE * n_instances + _PLACES * n_instances


def scale(view: FleetView, params: Float64Vector, memory: Float64Vector, wanted: Int64Vector) -> None:
    """The forecast over what an instance carries, rounded up; as many as there are while nothing has completed."""
    for pool in range(view.n_pools):
        place = PLACES_PER_INSTANCE * view.n_instances + _PLACES * pool
        knows_lengths = follow_lengths(view, pool, params[0], memory, place)
        if view.interval_us <= 0:
            continue
        rate, interval_s = memory[place + RATE], view.interval_us / 1e6
        if memory[place + _COUNT] == 0.0:
            memory[place + _LEVEL] = rate
        else:
            before = memory[place + _LEVEL]
            expected = before + memory[place + _TREND] * interval_s
            memory[place + _LEVEL] = expected + params[0] * (rate - expected)
            change = (memory[place + _LEVEL] - before) / interval_s
            memory[place + _TREND] += params[1] * (change - memory[place + _TREND])
        memory[place + _COUNT] += 1.0
        carried = params[3]
        if carried <= 0.0 and knows_lengths:
            carried = carried_rate(view, pool, memory, place, params[4] * 1000.0)
        recommended = wanted[pool]
        if carried > 0.0:
            forecast = max(0.0, memory[place + _LEVEL] + memory[place + _TREND] * params[2])
            recommended = min(view.maximum_instances[pool], math.ceil(min(forecast / (carried * params[5]), 1e6)))
        wanted[pool] = stabilised(view, pool, recommended, params, 6, memory)
