"""A run's requests and instances as Parquet tables: one row each, times in ms, null for what never happened."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blis.engine.codes import STATUS_NAMES
from blis.foundation.columns import names, numbers, scalars, table_of
from blis.foundation.units import US_PER_MS, Int64Vector
from blis.metrics.served import served_requests
from blis.result import Result

if TYPE_CHECKING:
    import pyarrow


def request_table(result: Result) -> "pyarrow.Table":
    """One row per request, in the order of arrival."""
    requests, done = result.requests, result.outcome.requests
    served = served_requests(requests, result.outcome, result.scenario.slo)
    block_size = result.cluster.block_size_tokens
    cached_tokens = np.minimum(done.cached_blocks * block_size, requests.input_tokens)
    columns = {
        "request": requests.number,
        "status": names(done.status, STATUS_NAMES),
        "slo_class": names(requests.slo_class, requests.slo_classes),
        "tenant": names(requests.tenant, requests.tenants),
        "session": names(requests.session, requests.sessions),
        "round": requests.round,
        "instance": _known(done.instance),
        "arrival_us": _known(done.arrival_us),  # null for what waits for a request that has not ended
        "scheduling_delay_ms": _milliseconds(done.scheduling_delay_us),
        "ttft_ms": _milliseconds(done.ttft_us),
        "itl_mean_ms": numbers(done.itl_mean_us / US_PER_MS, np.isnan(done.itl_mean_us)),
        "e2e_ms": _milliseconds(done.e2e_us),
        # false for what did not complete; null for what had not arrived, so that its mean is the SLO attainment
        "meets_slo": numbers(served.meets_slo, ~served.arrived),
        "input_tokens": requests.input_tokens,
        "output_tokens": requests.output_tokens,
        "cached_tokens": numbers(cached_tokens, done.cached_blocks < 0),
        "computed_tokens": done.computed_tokens,
        "preemptions": done.preemptions,
    }
    if requests.models:
        columns["model"] = names(requests.model, requests.models)
    if requests.adapters:
        columns["adapter"] = names(requests.adapter, requests.adapters)
    if result.outcome.gateway is not None:
        columns["gateway_wait_ms"] = _milliseconds(result.outcome.gateway.wait_us)
    if result.outcome.retries is not None:
        columns["retries"] = result.outcome.retries
    return table_of(columns)


def instance_table(blocks: Sequence[Mapping[str, Any]]) -> "pyarrow.Table":
    """One row per instance: its block of the metrics."""
    return table_of({key: scalars([block[key] for block in blocks]) for key in blocks[0]})


def write_table(table: "pyarrow.Table", path: Path) -> None:
    """Write a Parquet file."""
    from pyarrow import parquet

    parquet.write_table(table, path, compression="zstd")


def _known(values: Int64Vector) -> "pyarrow.Array":
    return numbers(values, values < 0)


def _milliseconds(times_us: Int64Vector) -> "pyarrow.Array":
    return numbers(times_us / US_PER_MS, times_us < 0)
