"""Which way each figure is better, and on which scale two of its values compare."""

import math
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from blis.foundation.checks import check_choice
from blis.foundation.errors import UnknownChoiceError
from blis.foundation.words import shown

Figures = Mapping[str, float | None]


class Scale(Enum):
    """What kind of number a figure is; decides how a ratio of two of its values is formed."""

    AMOUNT = "amount"  #: a time or a rate: 0 is out of the ordinary
    SHARE = "share"  #: of a whole, in [0, 1]: both ends are ordinary
    COUNT = "count"  #: how often something happened: 0 is ordinary


class Objective(NamedTuple):
    """How a figure is judged."""

    direction: int  #: +1: larger is better, -1: smaller is
    scale: Scale


_LATENCIES = [
    f"{times}_{statistic}_ms"
    for times in ("ttft", "itl", "request_itl", "e2e", "scheduling_delay")
    for statistic in ("mean", "p50", "p90", "p95", "p99")
]

#: Every figure of `blis.metrics.figures` of which more, or less, is better whatever else holds. Those left out, such as
#: the use of KV blocks, are neither good nor bad in themselves.
OBJECTIVES: Mapping[str, Objective] = {
    **dict.fromkeys(_LATENCIES, Objective(-1, Scale.AMOUNT)),
    "responses_per_sec": Objective(+1, Scale.AMOUNT),
    "tokens_per_sec": Objective(+1, Scale.AMOUNT),
    "goodput_rps": Objective(+1, Scale.AMOUNT),
    "goodput_tokens_per_sec": Objective(+1, Scale.AMOUNT),
    "completion_ratio": Objective(+1, Scale.SHARE),
    "rejection_ratio": Objective(-1, Scale.SHARE),
    "slo_attainment": Objective(+1, Scale.SHARE),
    "lateness": Objective(-1, Scale.AMOUNT),
    "promised_time_used": Objective(-1, Scale.AMOUNT),
    "jain_throughput": Objective(+1, Scale.SHARE),
    "jain_latency": Objective(+1, Scale.SHARE),
    "cache_hit_rate": Objective(+1, Scale.SHARE),
    "preemption_rate": Objective(-1, Scale.COUNT),
    "kv_allocation_failures": Objective(-1, Scale.COUNT),
    "queue_peak_requests": Objective(-1, Scale.COUNT),
    "routed_max_over_mean": Objective(-1, Scale.AMOUNT),
    "busy_max_over_mean": Objective(-1, Scale.AMOUNT),
    "replica_seconds": Objective(-1, Scale.AMOUNT),
    "gpu_hours": Objective(-1, Scale.AMOUNT),
    "good_requests_per_gpu_hour": Objective(+1, Scale.AMOUNT),
}
#: The same of figures that only a cluster whose GPUs all have prices has.
PRICED: Mapping[str, Objective] = {
    "cost_usd": Objective(-1, Scale.AMOUNT),
    "cost_per_request_usd": Objective(-1, Scale.AMOUNT),
    "cost_per_good_request_usd": Objective(-1, Scale.AMOUNT),
}

_CLASS_PREFIX, _CLASS_SUFFIX = "class/", "/slo_attainment"


def objective(where: str, name: object) -> Objective:
    """How the figure of that name is judged; `class/<name>/slo_attainment` is one of every class.

    Parameters
    ----------
    where : str
        Path of the name, for messages.
    name : str

    Raises
    ------
    UnknownChoiceError
        If there is no such figure, or it has no direction.
    """
    if isinstance(name, str) and name.startswith(_CLASS_PREFIX) and name.endswith(_CLASS_SUFFIX):
        if not name[len(_CLASS_PREFIX) : -len(_CLASS_SUFFIX)]:
            raise UnknownChoiceError(f"{where}: {shown(name)} must name a class: class/critical/slo_attainment.")
        return OBJECTIVES["slo_attainment"]
    known = {**OBJECTIVES, **PRICED}
    return known[check_choice(where, name, known)]


def value_of(figures: Figures, name: str) -> float | None:
    """The figure as a finite number; None if there is none."""
    value = figures.get(name)
    return float(value) if value is not None and math.isfinite(value) else None


def vector(figures: Figures, names: Sequence[str]) -> tuple[float, ...]:
    """The figures of these names, turned so that larger is better; -infinity where there is none.

    Raises
    ------
    UnknownChoiceError
        If a name is no figure with a direction.
    """
    values = ((objective("objectives", name), value_of(figures, name)) for name in names)
    return tuple(-math.inf if value is None else judged.direction * value for judged, value in values)
