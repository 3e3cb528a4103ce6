"""Sums over served requests: how many ended how, how many met their targets, what each tenant got."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import types

from blis.engine._jit import compiled, entry_point
from blis.engine.codes import COMPLETED, STATUS_NAMES
from blis.engine.judging import Judgement
from blis.foundation.units import BoolVector, Float64Vector, Int32Vector, Int64Vector, contiguous

_N_STATES = len(STATUS_NAMES)
_WHOLE, _HALF = types.Array(types.int64, 1, "C", readonly=True), types.Array(types.int32, 1, "C", readonly=True)
_REAL, _FLAGS = types.Array(types.float64, 1, "C", readonly=True), types.Array(types.bool_, 1, "C", readonly=True)


class Tally(NamedTuple):
    """What a group of requests adds up to; times are those that there are, in order of arrival."""

    states: list[int]  #: how many requests are in each state
    n_arrived: int
    n_good: int  #: that met their targets
    n_tokens: int  #: of completed requests' outputs
    n_good_tokens: int
    ttft_us: Int64Vector  #: of completed requests that have a first token
    itl_mean_us: Float64Vector  #: of completed requests that have two tokens or more
    e2e_us: Int64Vector  #: of completed requests
    scheduling_delay_us: Int64Vector  #: of requests that were ever taken
    lateness: Float64Vector  #: of requests that had arrived
    promised_time_used: Float64Vector  #: of those whose time is bounded


def tally(
    judgement: Judgement, status: Int64Vector, ttft_us: Int64Vector, itl_mean_us: Float64Vector, e2e_us: Int64Vector,
    scheduling_delay_us: Int64Vector, output_tokens: Int64Vector,
) -> Tally:  # fmt: skip
    """Add up a group; all arrays have its length."""
    whole, real = np.empty((3, len(status)), np.int64), np.empty((3, len(status)))
    sums, lengths = np.zeros(_N_STATES + 4, np.int64), np.zeros(6, np.int64)
    columns = (
        contiguous(judgement.arrived, np.bool_), contiguous(judgement.meets_slo, np.bool_),
        contiguous(judgement.lateness, np.float64), contiguous(judgement.promised_time_used, np.float64),
        contiguous(status), contiguous(ttft_us), contiguous(itl_mean_us, np.float64), contiguous(e2e_us),
        contiguous(scheduling_delay_us), contiguous(output_tokens),
    )  # fmt: skip
    _compiled_tally()(*columns, sums, whole, real, lengths)
    *states, n_arrived, n_good, n_tokens, n_good_tokens = sums.tolist()
    ttfts, itls, e2es, delays, lates, used = lengths.tolist()
    return Tally(
        states, n_arrived, n_good, n_tokens, n_good_tokens,
        ttft_us=whole[0, :ttfts], itl_mean_us=real[0, :itls], e2e_us=whole[1, :e2es],
        scheduling_delay_us=whole[2, :delays], lateness=real[1, :lates], promised_time_used=real[2, :used],
    )  # fmt: skip


def tenant_sums(
    status: Int64Vector, arrived: BoolVector, e2e_us: Int64Vector, input_tokens: Int64Vector,
    output_tokens: Int64Vector, tenant: Int32Vector, n_tenants: int,
) -> np.ndarray:  # fmt: skip
    """Of each tenant, (4, n_tenants): tokens of arrived and of completed requests, completed requests, sum of E2E."""
    sums = np.zeros((4, n_tenants))
    columns = (
        contiguous(status),
        contiguous(arrived, np.bool_),
        contiguous(e2e_us),
        contiguous(input_tokens),
        contiguous(output_tokens),
    )
    _compiled_tenants()(*columns, contiguous(tenant, np.int32), sums)
    return sums


def counts_by_label(label: Int32Vector, arrived: BoolVector, good: BoolVector, n_labels: int) -> list[list[int]]:
    """How many requests of each label had arrived, and how many met their targets."""
    counts = np.zeros((2, n_labels), np.int64)
    _compiled_counting()(contiguous(label, np.int32), contiguous(arrived, np.bool_), contiguous(good, np.bool_), counts)
    found: list[list[int]] = counts.tolist()
    return found


def _tally(
    arrived: BoolVector, meets_slo: BoolVector, lateness: Float64Vector, promised_time_used: Float64Vector,
    status: Int64Vector, ttft_us: Int64Vector, itl_mean_us: Float64Vector, e2e_us: Int64Vector,
    scheduling_delay_us: Int64Vector, output_tokens: Int64Vector, sums: Int64Vector, whole: np.ndarray,
    real: np.ndarray, lengths: Int64Vector,
) -> None:  # fmt: skip
    for request in range(status.shape[0]):
        sums[status[request]] += 1
        if arrived[request]:
            sums[_N_STATES] += 1
            real[1, lengths[4]] = lateness[request]
            lengths[4] += 1
            if not np.isnan(promised_time_used[request]):
                real[2, lengths[5]] = promised_time_used[request]
                lengths[5] += 1
        if meets_slo[request]:
            sums[_N_STATES + 1] += 1
            sums[_N_STATES + 3] += output_tokens[request]
        if scheduling_delay_us[request] >= 0:
            whole[2, lengths[3]] = scheduling_delay_us[request]
            lengths[3] += 1
        if status[request] != COMPLETED:
            continue
        sums[_N_STATES + 2] += output_tokens[request]
        whole[1, lengths[2]] = e2e_us[request]
        lengths[2] += 1
        if ttft_us[request] >= 0:
            whole[0, lengths[0]] = ttft_us[request]
            lengths[0] += 1
        if not np.isnan(itl_mean_us[request]):
            real[0, lengths[1]] = itl_mean_us[request]
            lengths[1] += 1


def _add_tenants(
    status: Int64Vector, arrived: BoolVector, e2e_us: Int64Vector, input_tokens: Int64Vector,
    output_tokens: Int64Vector, tenant: Int32Vector, sums: np.ndarray,
) -> None:  # fmt: skip
    for request in range(status.shape[0]):
        own, tokens = tenant[request], np.float64(input_tokens[request] + output_tokens[request])
        if arrived[request]:
            sums[0, own] += tokens
        if status[request] == COMPLETED:
            sums[1, own] += tokens
            sums[2, own] += 1.0
            sums[3, own] += np.float64(e2e_us[request])


def _count(label: Int32Vector, arrived: BoolVector, good: BoolVector, counts: np.ndarray) -> None:
    for request in range(label.shape[0]):
        counts[0, label[request]] += arrived[request]
        counts[1, label[request]] += good[request]


@cache
def _compiled_tally() -> Callable[..., None]:
    columns = (_FLAGS, _FLAGS, _REAL, _REAL, _WHOLE, _WHOLE, _REAL, _WHOLE, _WHOLE, _WHOLE)
    filled = (types.int64[::1], types.int64[:, ::1], types.float64[:, ::1], types.int64[::1])
    return entry_point(compiled(types.void(*columns, *filled), _tally))


@cache
def _compiled_tenants() -> Callable[..., None]:
    columns = (_WHOLE, _FLAGS, _WHOLE, _WHOLE, _WHOLE, _HALF)
    return entry_point(compiled(types.void(*columns, types.float64[:, ::1]), _add_tenants))


@cache
def _compiled_counting() -> Callable[..., None]:
    return entry_point(compiled(types.void(_HALF, _FLAGS, _FLAGS, types.int64[:, ::1]), _count))
