"""The last stage of every workload: order the arrivals, and put the columns into `Requests`."""

from typing import Any, NamedTuple

import numpy as np

from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S, BoolVector, Float64Vector, Int32Vector, Int64Vector
from blis.workload.labels import Labels
from blis.workload.network import Network
from blis.workload.prefixes.adapters import keys_by_adapter
from blis.workload.prefixes.keys import PrefixKeys
from blis.workload.requests import Requests

LATEST_US = 2**62  #: beyond it the clock could overflow


class Timeline(NamedTuple):
    """Arrivals in order."""

    order: Int64Vector  #: (n,) row of the source
    arrival_us: Int64Vector  #: (n,) non-decreasing
    notes: tuple[str, ...]


def whole_microseconds(where: str, times_us: Float64Vector) -> Int64Vector:
    """Round times, once, to the nearest microsecond.

    Raises
    ------
    ConfigError
        If the times reach beyond the clock.
    """
    if len(times_us) and not np.abs(times_us).max() < LATEST_US:
        raise ConfigError(
            f"{where}: arrivals must stay below 2**62 µs; got {np.abs(times_us).max():g}. Raise the rate."
        )
    return np.rint(times_us).astype(np.int64)


def timeline(
    where: str, times_us: Float64Vector | Int64Vector, rate: float | None, num_requests: int | None
) -> Timeline:
    """Sort arrivals (stably), keep the first `num_requests`, and scale time to the mean `rate` [requests/s].

    The mean rate of n arrivals is (n - 1) / (last - first). None keeps all requests, or the recorded times.

    Raises
    ------
    ConfigError
        If a rate is asked for and all requests arrive at once.
    """
    n_late = int((times_us[1:] < np.maximum.accumulate(times_us)[:-1]).sum())
    notes = (f"{n_late} of {len(times_us)} rows were out of order and have been sorted",) if n_late else ()
    order = np.argsort(times_us, kind="stable")[:num_requests]
    arrival_us = np.asarray(times_us[order], np.float64)
    if rate is not None and len(order) > 1:
        span_us = float(arrival_us[-1] - arrival_us[0])
        if span_us <= 0:
            raise ConfigError(f"{where}.rate cannot be reached by scaling: all {len(order)} requests arrive at once.")
        arrival_us = arrival_us * ((len(order) - 1) * US_PER_S / rate / span_us)
    return Timeline(order, whole_microseconds(where, arrival_us), notes)


def requests_of(
    *,
    arrival_us: Int64Vector,
    input_tokens: Int64Vector,
    output_tokens: Int64Vector,
    keys: PrefixKeys,
    block_size_tokens: int,
    number: Int64Vector | None = None,
    slo_class: Labels | None = None,
    tenant: Labels | None = None,
    session: Labels | None = None,
    turn: Int32Vector | None = None,
    prefix_group: Labels | None = None,
    prefix_tokens: Int64Vector | None = None,
    after: Int64Vector | None = None,
    think_us: Int64Vector | None = None,
    image_tokens: Int64Vector | Int32Vector | None = None,
    audio_tokens: Int64Vector | Int32Vector | None = None,
    video_tokens: Int64Vector | Int32Vector | None = None,
    reason_ratio: Float64Vector | None = None,
    streaming: BoolVector | None = None,
    client: Labels | None = None,
    model: Labels | None = None,
    adapter: Labels | None = None,
    networks: tuple[Network, ...] = (),
    notes: tuple[str, ...] = (),
) -> Requests:
    """`Requests` from columns in order of arrival; what is absent has its neutral value.

    The columns are frozen in place where their type fits, so the caller gives them away.
    """
    n = len(arrival_us)
    unnamed = Labels(np.zeros(n, np.int32), ("",))
    nothing = Labels(np.full(n, -1, np.int32), ())
    slo_class = slo_class or unnamed
    tenant = tenant or unnamed
    session = session or nothing
    prefix_group = prefix_group or nothing
    client = client or nothing
    model = model or nothing
    adapter = adapter or nothing
    keys = keys_by_adapter(keys, adapter.indices)
    return Requests(
        arrival_us=_given_away(arrival_us),
        input_tokens=_given_away(input_tokens),
        output_tokens=_given_away(output_tokens),
        key_offsets=_given_away(keys.key_offsets),
        keys=_given_away(keys.keys),
        prompt=_given_away(keys.prompt),
        number=_given_away(np.arange(n) if number is None else number),
        slo_class=_given_away(slo_class.indices, np.int32),
        tenant=_given_away(tenant.indices, np.int32),
        session=_given_away(session.indices, np.int32),
        round=_column(turn, n, np.int32),
        prefix_group=_given_away(prefix_group.indices, np.int32),
        prefix_tokens=_column(prefix_tokens, n, np.int64),
        after=_given_away(np.full(n, -1) if after is None else after),
        think_us=_column(think_us, n, np.int64),
        image_tokens=_column(image_tokens, n, np.int32),
        audio_tokens=_column(audio_tokens, n, np.int32),
        video_tokens=_column(video_tokens, n, np.int32),
        reason_ratio=_column(reason_ratio, n, np.float64),
        streaming=_column(streaming, n, np.bool_),
        client=_given_away(client.indices, np.int32),
        model=_given_away(model.indices, np.int32),
        adapter=_given_away(adapter.indices, np.int32),
        slo_classes=slo_class.names,
        tenants=tenant.names,
        sessions=session.names,
        prefix_groups=prefix_group.names,
        clients=client.names,
        models=model.names,
        adapters=adapter.names,
        networks=networks,
        block_size_tokens=block_size_tokens,
        notes=notes,
    )


def _column(values: object, n: int, dtype: type) -> Any:
    """A column that is 0 (false) everywhere if it is absent."""
    return _given_away(np.zeros(n, dtype) if values is None else values, dtype)


def _given_away(values: object, dtype: type = np.int64) -> Any:
    """Read-only and C-contiguous like `frozen`, without a copy where none is needed: keys can be large."""
    array: np.ndarray[Any, Any] = np.ascontiguousarray(values, dtype=dtype)
    array.setflags(write=False)
    return array
