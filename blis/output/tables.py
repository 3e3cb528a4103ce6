"""A run's requests and instances as Parquet tables: one row each, times in ms, null for what never happened."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blis.engine.codes import STATUS_NAMES
from blis.foundation.units import US_PER_MS, Int64Vector
from blis.metrics.served import served_requests
from blis.result import Result

if TYPE_CHECKING:
    import pyarrow


def request_table(result: Result) -> "pyarrow.Table":
    """One row per request, in the order of arrival."""
    import pyarrow as pa

    requests, done = result.requests, result.outcome.requests
    served = served_requests(requests, result.outcome, result.scenario.slo)
    block_size = result.cluster.block_size_tokens
    cached_tokens = np.minimum(done.cached_blocks * block_size, requests.input_tokens)
    columns = {
        "request": pa.array(requests.number),
        "status": _names(done.status, STATUS_NAMES),
        "slo_class": _names(requests.slo_class, requests.slo_classes),
        "tenant": _names(requests.tenant, requests.tenants),
        "session": _names(requests.session, requests.sessions),
        "round": pa.array(requests.round),
        "instance": _known(done.instance),
        "arrival_us": _known(done.arrival_us),  # null for what waits for a request that has not ended
        "scheduling_delay_ms": _milliseconds(done.scheduling_delay_us),
        "ttft_ms": _milliseconds(done.ttft_us),
        "itl_mean_ms": pa.array(done.itl_mean_us / US_PER_MS, mask=np.isnan(done.itl_mean_us)),
        "e2e_ms": _milliseconds(done.e2e_us),
        # false for what did not complete; null for what had not arrived, so that its mean is the SLO attainment
        "meets_slo": pa.array(served.meets_slo, mask=~served.arrived),
        "input_tokens": pa.array(requests.input_tokens),
        "output_tokens": pa.array(requests.output_tokens),
        "cached_tokens": pa.array(cached_tokens, mask=done.cached_blocks < 0),
        "computed_tokens": pa.array(done.computed_tokens),
        "preemptions": pa.array(done.preemptions),
    }
    return pa.table(columns)


def instance_table(blocks: Sequence[Mapping[str, Any]]) -> "pyarrow.Table":
    """One row per instance: its block of the metrics."""
    import pyarrow as pa

    columns = {key: [block[key] for block in blocks] for key in blocks[0]}
    empty = {key: pa.array(values, pa.float64()) for key, values in columns.items() if set(values) == {None}}
    return pa.table({**columns, **empty})


def write_table(table: "pyarrow.Table", path: Path) -> None:
    """Write a Parquet file."""
    from pyarrow import parquet

    parquet.write_table(table, path, compression="zstd")


def _known(numbers: Int64Vector) -> Any:
    import pyarrow as pa

    return pa.array(numbers, mask=numbers < 0)


def _milliseconds(times_us: Int64Vector) -> Any:
    import pyarrow as pa

    return pa.array(times_us / US_PER_MS, mask=times_us < 0)


def _names(indices: Any, names: Sequence[str]) -> Any:
    import pyarrow as pa

    places = pa.array(indices, pa.int32(), mask=indices < 0)
    return pa.DictionaryArray.from_arrays(places, pa.array(names, pa.string()))
