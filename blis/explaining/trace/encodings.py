"""How media were encoded apart: where, how long that waited, and how the embeddings moved."""

from typing import TYPE_CHECKING

import numpy as np

from blis.foundation.columns import numbers, table_of
from blis.result import Result

if TYPE_CHECKING:
    import pyarrow


def table(result: Result) -> "pyarrow.Table | None":
    """One row per request that was sent to an instance which encodes, by when it was; None where none is there.

    Of one that was sent more than once, because an instance died, the last time counts. At the end of the run a row
    without a start waits, and one without an end is being encoded.
    """
    encoding, requests = result.outcome.encoding, result.requests
    if encoding is None or not result.cluster.encodes_apart:
        return None
    rows = np.flatnonzero(encoding.sent_us >= 0)
    rows = rows[np.argsort(encoding.sent_us[rows], kind="stable")]
    moved = encoding.arrives_us[rows] < 0
    return table_of(
        {
            "request": requests.number[rows],
            "encode_instance": encoding.encode_instance[rows],
            "instance": result.outcome.requests.instance[rows],
            "encoder_tokens": (requests.input_tokens - requests.text_tokens)[rows],
            "sent_us": encoding.sent_us[rows],
            "started_us": numbers(encoding.started_us[rows], encoding.started_us[rows] < 0),
            "encoded_us": numbers(encoding.encoded_us[rows], encoding.encoded_us[rows] < 0),
            "arrived_us": numbers(encoding.arrives_us[rows], moved),
            "depth": numbers(encoding.depth[rows], moved),
        }
    )
