"""What became of each request, read off the records of a run in one pass."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

from blis.engine._jit import compiled, entry_point
from blis.engine.endings import has_ended
from blis.engine.instance_fields import LIMIT_COLUMNS, limit_table
from blis.engine.records import Records, records
from blis.engine.request_fields import REQUEST_FIELDS, WORKLOAD_COLUMNS, workload_table
from blis.foundation.units import Int64Vector, frozen

#: Rows of the two matrices that are filled; what they mean says `blis.outcome.RequestOutcome`.
WHOLE = (
    "status",
    "arrival_us",
    "instance",
    "ttft_us",
    "e2e_us",
    "scheduling_delay_us",
    "preemptions",
    "cached_blocks",
    "computed_tokens",
)
REAL = ("itl_mean_us", "routing_score", "routing_regret")


def request_columns(requests: Records, table: Records, limits: Records, after: Int64Vector) -> dict[str, Any]:
    """The columns by name, in arrays of their own.

    Parameters
    ----------
    requests : (n,) REQUEST_FIELDS
    table : (n,) WORKLOAD_FIELDS
    limits : (m,) LIMIT_FIELDS
    after : (n,) int64
        The request that must end before this one arrives; -1 for none.
    """
    whole, real = np.empty((len(WHOLE), len(requests)), np.int64), np.empty((len(REAL), len(requests)))
    _compiled()(requests, table, limits, after, whole, real)
    return {**dict(zip(WHOLE, whole, strict=True)), **dict(zip(REAL, real, strict=True))}


def _fill(
    requests: Records, table: Records, limits: Records, after: Int64Vector, whole: np.ndarray, real: np.ndarray
) -> None:
    for request in range(requests.shape[0]):
        arrival_us = requests.arrival_us[request]
        first_us, finished_us = requests.first_token_us[request], requests.finished_us[request]
        scheduled_us = requests.scheduled_us[request]
        output_tokens, instance = table.output_tokens[request], requests.instance[request]
        # Until what it waits for has ended, the workload's time of arrival is a guess.
        is_called = after[request] < 0 or has_ended(requests.status[after[request]])
        ttft_us = first_us - arrival_us if first_us >= 0 else -1
        e2e_us = finished_us - arrival_us if finished_us >= 0 else -1
        whole[0, request] = requests.status[request]
        whole[1, request] = arrival_us if is_called else -1
        whole[2, request] = instance
        whole[3, request] = ttft_us
        whole[4, request] = e2e_us
        whole[5, request] = scheduled_us - arrival_us if scheduled_us >= 0 else -1
        whole[6, request] = requests.preemptions[request]
        whole[7, request] = requests.cached_blocks[request]
        whole[8, request] = requests.computed_tokens[request]
        real[0, request] = np.nan
        if e2e_us >= 0 and output_tokens > 1:
            decode_us = e2e_us - ttft_us - limits.completion_us[max(instance, 0)]
            real[0, request] = np.float64(decode_us) / np.float64(output_tokens - 1)
        real[1, request] = requests.routing_score[request]
        real[2, request] = requests.routing_regret[request]


@cache
def _compiled() -> Callable[..., None]:
    whole = frozen([0], np.int64)
    sample: tuple[Any, ...] = (
        records(REQUEST_FIELDS, 1),
        workload_table(**dict.fromkeys(WORKLOAD_COLUMNS, whole)),
        limit_table([dict.fromkeys(LIMIT_COLUMNS, 1)]),
        whole,
        np.zeros((1, 1), np.int64),
        np.zeros((1, 1)),
    )
    return entry_point(compiled(numba.types.void(*map(numba.typeof, sample)), _fill))
