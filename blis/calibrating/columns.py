"""What all formats of measured runs have in common: rows in the order of sending, and times from the first of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from blis.calibrating.measured_run import OK, UNKNOWN, Chunks
from blis.foundation.errors import ConfigError
from blis.foundation.units import Int64Vector
from blis.foundation.words import shown
from blis.workload.labels import Labels

#: Longest reason for a failure that is kept apart from others [characters].
MOST_OF_REASON = 80


class Ordered(NamedTuple):
    """Rows of a file in the order of sending."""

    order: Int64Vector  #: row of the file

    def array(self, values: Any) -> Any:
        """A column in this order."""
        return np.ascontiguousarray(np.asarray(values)[self.order])

    def names(self, values: Sequence[str]) -> tuple[str, ...]:
        """A column of texts in this order."""
        return tuple(values[row] for row in self.order.tolist())

    def labels(self, labels: Labels) -> Labels:
        """A column of labels in this order."""
        return Labels(labels.indices[self.order], labels.names)

    def chunks(self, chunks: Chunks | None) -> Chunks | None:
        """The chunks of these requests in this order."""
        if chunks is None:
            return None
        lengths = np.diff(chunks.offsets)[self.order]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.repeat(chunks.offsets[:-1][self.order] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Chunks(offsets, chunks.times_us[places], chunks.tokens[places])


def by_sending(sent_us: Int64Vector) -> Ordered:
    """The rows in the order of sending; those sent together keep the order of the file."""
    return Ordered(np.argsort(sent_us, kind="stable"))


def since(times_us: Int64Vector, origin_us: int) -> Int64Vector:
    """Times from another origin; what is unknown stays unknown."""
    return np.where(times_us == UNKNOWN, UNKNOWN, times_us - origin_us)


def check_distinct(where: str, ids: Sequence[str]) -> None:
    """Refuse a run in which two requests have one id: they could not be told apart.

    Raises
    ------
    ConfigError
    """
    seen: dict[str, int] = {}
    for row, one in enumerate(ids):
        if one in seen:
            raise ConfigError(
                f"{where}: every request must have an id of its own; rows {seen[one]} and {row} have {shown(one)}."
            )
        seen[one] = row


def failure(message: str, otherwise: str = "failed without a word") -> str:
    """Why a request failed, short enough to be counted: the message's first line, or the last one of a traceback."""
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    line = "" if not lines else lines[-1] if lines[0].startswith("Traceback") else lines[0]
    return line[:MOST_OF_REASON] or otherwise


def reasons(status: Int64Vector, messages: Sequence[str], otherwise: str) -> tuple[str, ...]:
    """Of each request why it failed; "" where it did not."""
    return tuple(
        "" if one == OK else failure(message, otherwise) for one, message in zip(status.tolist(), messages, strict=True)
    )
