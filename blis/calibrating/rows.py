"""A measured run from the records of a load generator, one per request, in times of whatever clock."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from blis.calibrating.columns import by_sending, check_distinct, reasons, since
from blis.calibrating.measured_run import OK, UNKNOWN, MeasuredRun, no_labels, unnamed
from blis.foundation.errors import ConfigError
from blis.workload.labels import number_names


class Row(NamedTuple):
    """One request; times in whole µs, UNKNOWN where there is none."""

    request_id: str
    sent_us: int
    first_us: int
    last_us: int
    input_tokens: int
    output_tokens: int
    status: int = OK
    message: str = ""  #: why it failed
    streaming: bool = True
    due_us: int = UNKNOWN
    session: str = ""


def run_of(
    name: str,
    path: Path,
    form: str,
    rows: Sequence[Row],
    left_out: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> MeasuredRun:
    """The run of these requests; its time begins with the first sending.

    Raises
    ------
    ConfigError
        If there is no request, or two have one id.
    """
    left_out = dict(left_out or {})
    n, n_left_out = len(rows), sum(left_out.values())
    if not n:
        raise ConfigError(
            f"{path} must hold at least one request; it has none" + (f" but {left_out}." if left_out else ".")
        )
    check_distinct(str(path), [row.request_id for row in rows])
    columns = {field: np.array([getattr(row, field) for row in rows]) for field in _NUMBERS}
    origin_us = int(columns["sent_us"].min())
    order = by_sending(columns["sent_us"])
    times = {
        field: order.array(since(columns[field].astype(np.int64), origin_us))
        for field in ("sent_us", "due_us", "first_us", "last_us")
    }
    status = columns["status"].astype(np.int64)
    late = times["due_us"]
    return MeasuredRun(
        name=name,
        path=path,
        form=form,
        request_id=order.names([row.request_id for row in rows]),
        **{**times, "due_us": np.where(late < 0, UNKNOWN, late)},
        between_us=np.full(n, np.nan),
        input_tokens=order.array(columns["input_tokens"].astype(np.int64)),
        output_tokens=order.array(columns["output_tokens"].astype(np.int64)),
        status=order.array(status),
        reason=order.names(reasons(status, [row.message for row in rows], "failed without a word")),
        streaming=order.array(columns["streaming"].astype(np.bool_)),
        slo_class=unnamed(n),
        session=order.labels(number_names([row.session for row in rows], empty_is_none=True)),
        prefix_group=no_labels(n),
        prefix_tokens=np.zeros(n, np.int64),
        model=no_labels(n),
        adapter=no_labels(n),
        n_rows=n + n_left_out,
        left_out=left_out,
        notes=(*notes, "the format does not say which prompts begin alike: the replay has no shared prefixes"),
    )


_NUMBERS = (
    *("sent_us", "due_us", "first_us", "last_us"),
    *("input_tokens", "output_tokens", "status", "streaming"),
)
