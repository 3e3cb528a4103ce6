"""One measured run: every request that a client sent to a real server, and when what came back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from blis.foundation.units import BoolVector, Float64Vector, Int64Vector
from blis.workload.labels import Labels

#: A time or a number that the format, or the server, does not say.
UNKNOWN = -1
OK, ERROR, TIMEOUT = 0, 1, 2
STATUSES = ("ok", "error", "timeout")


class Chunks(NamedTuple):
    """When output arrived, chunk by chunk; those of request r are `offsets[r]:offsets[r + 1]`."""

    offsets: Int64Vector  #: (n + 1,)
    times_us: Int64Vector  #: on the clock of the run, ascending within a request
    tokens: Int64Vector  #: output tokens in the chunk, ≥ 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredRun:
    """Requests in the order of their sending; n of them. Times are µs since the start of the run."""

    name: str  #: for people: of the file
    path: Path
    form: str  #: which reader
    request_id: tuple[str, ...]
    sent_us: Int64Vector  #: (n,) ≥ 0, ascending
    due_us: Int64Vector  #: (n,) when it should have been sent; UNKNOWN
    first_us: Int64Vector  #: (n,) when its first output came; UNKNOWN
    last_us: Int64Vector  #: (n,) when its last output came; UNKNOWN
    #: (n,) mean time between its tokens after the first [µs], where the tool says more of it than first and last; NaN
    between_us: Float64Vector
    input_tokens: Int64Vector  #: (n,) whole prompts, as the server counted them where that is known
    output_tokens: Int64Vector  #: (n,) as the server counted them
    status: Int64Vector  #: (n,) place in STATUSES
    reason: tuple[str, ...]  #: (n,) why one failed, in few words; "" for ok
    streaming: BoolVector  #: (n,) whether output came piece by piece
    slo_class: Labels
    session: Labels
    prefix_group: Labels
    prefix_tokens: Int64Vector  #: (n,) leading tokens that are the group's text
    model: Labels
    adapter: Labels
    chunks: Chunks | None = None
    warm_up_requests: int = 0  #: of the first ones, as the run itself says
    rtt_ms: float | None = None  #: between client and server, as the run itself says
    n_rows: int = 0  #: of the file, those left out included
    left_out: Mapping[str, int] = field(default_factory=dict)  #: rows that are no requests here, by reason
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sent_us)

    @property
    def is_ok(self) -> BoolVector:
        """(n,) whether the server answered to the end."""
        return np.asarray(self.status == OK)


def no_labels(n: int) -> Labels:
    """A column in which nobody has a name."""
    return Labels(np.full(n, -1, np.int32), ())


def unnamed(n: int) -> Labels:
    """A column in which everybody has the unnamed name."""
    return Labels(np.zeros(n, np.int32), ("",))
