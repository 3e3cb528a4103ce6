"""How quickly a recommendation of scaling may be followed: windows and limits, as Kubernetes' HPA has them.

In a window the most cautious recommendation counts: the largest before instances are taken away, the smallest before
they are added. Within a period no more than a share of the instances at its start, or so many, may be added, whichever
is more, and no more than a share taken away. Periods follow each other; HPA's slide.

Source: Kubernetes, `pkg/controller/podautoscaler/horizontal.go` and the field `behavior` of its documentation.

What is remembered of a pool lies in memory from `memory_place` on: two queues of recommendations with their times, in
which no entry is behind one that is more cautious and later, so that neither grows beyond the number of instances.
"""

import math

from blis.engine._jit import kernel
from blis.engine.fleet_view import FleetView
from blis.foundation.units import Float64Vector

#: Places of the parameters, from the first of them on; answers list them in this order, as their last ones.
DOWN_WINDOW_S, UP_WINDOW_S, MOST_UP_SHARE, MOST_UP_INSTANCES, MOST_DOWN_SHARE, PERIOD_S, N_PARAMETERS = range(7)

# Places of a pool's memory.
_LENGTH_DOWN, _LENGTH_UP, _PERIOD_START_US, _PERIOD_INSTANCES, _QUEUES = range(5)


#: Numbers that are remembered for each instance there may be, at most: a pool has one instance at least.
PLACES_PER_INSTANCE = _QUEUES + 8


@kernel
def recommended_instances(reporting: int, current: int, ratio: float, tolerance: float) -> int:
    """HPA's rule: instances times the ratio of a metric to its target, rounded up; as many as now if that is near 1.

    Of instances without a reading it takes the cautious view: idle where it would add, on target where it would remove.
    """
    if abs(ratio - 1.0) <= tolerance:
        return current
    unknown = max(0, current - reporting)
    corrected = (ratio * reporting + (0.0 if ratio > 1.0 else 1.0) * unknown) / (reporting + unknown)
    if abs(corrected - 1.0) <= tolerance or (corrected > 1.0) != (ratio > 1.0):
        return current
    return math.ceil(min(corrected, 1e6) * (reporting + unknown) - 1e-9)


@kernel
def memory_place(view: FleetView, pool: int) -> int:
    """Where what is remembered of a pool begins."""
    return (_QUEUES + 4) * pool + 4 * view.first_instance[pool]


@kernel
def stabilised(
    view: FleetView, pool: int, wanted: int, params: Float64Vector, first: int, memory: Float64Vector
) -> int:
    """The number of instances to go for now, where so many are recommended; parameters begin at `first`."""
    place, current = memory_place(view, pool), view.wanted_instances[pool]
    room = view.end_instance[pool] - view.first_instance[pool] + 1
    wanted = max(view.minimum_instances[pool], min(view.maximum_instances[pool], wanted))
    down, up = place + _QUEUES, place + _QUEUES + 2 * room
    if memory[place + _PERIOD_INSTANCES] == 0.0:  # asked for the first time: what there is counts as recommended
        memory[place + _PERIOD_START_US], memory[place + _PERIOD_INSTANCES] = view.clock_us, current
        _remember(memory, place + _LENGTH_DOWN, down, view.clock_us, 0.0, current, 1)
        _remember(memory, place + _LENGTH_UP, up, view.clock_us, 0.0, current, -1)
    largest = _remember(memory, place + _LENGTH_DOWN, down, view.clock_us, params[first + DOWN_WINDOW_S], wanted, 1)
    smallest = _remember(memory, place + _LENGTH_UP, up, view.clock_us, params[first + UP_WINDOW_S], wanted, -1)
    if view.clock_us - memory[place + _PERIOD_START_US] >= params[first + PERIOD_S] * 1e6:
        memory[place + _PERIOD_START_US] = view.clock_us
        memory[place + _PERIOD_INSTANCES] = current
    at_start = memory[place + _PERIOD_INSTANCES]
    if smallest > current:
        by_share = math.ceil(at_start * (1.0 + params[first + MOST_UP_SHARE]))
        most = max(by_share, at_start + params[first + MOST_UP_INSTANCES])
        return max(current, int(min(float(smallest), most)))
    if largest < current:
        least = math.floor(at_start * (1.0 - params[first + MOST_DOWN_SHARE]))
        return min(current, max(largest, int(least)))
    return current


@kernel
def _remember(
    memory: Float64Vector, length_place: int, queue: int, now_us: int, window_s: float, wanted: int, sign: int
) -> int:
    """Enter a recommendation, and return the largest (`sign` 1), or smallest (-1), of the window."""
    length = int(memory[length_place])
    while length > 0 and sign * memory[queue + 2 * (length - 1) + 1] <= sign * wanted:
        length -= 1
    memory[queue + 2 * length], memory[queue + 2 * length + 1] = now_us, wanted
    length += 1
    old = 0
    while old < length - 1 and memory[queue + 2 * old] <= now_us - window_s * 1e6:
        old += 1
    for entry in range(2 * old, 2 * length):
        memory[queue + entry - 2 * old] = memory[queue + entry]
    memory[length_place] = length - old
    return int(memory[queue + 1])
