"""What became of requests in the queue in front of the router: when they joined it, when they left, and how."""

from typing import TYPE_CHECKING

import numpy as np

from blis.engine.codes import GATEWAY_STATUSES, STATUS_NAMES
from blis.foundation.columns import names, numbers, table_of
from blis.foundation.slo import BAND_OF_CLASS, BANDS, class_index
from blis.result import Result

if TYPE_CHECKING:
    import pyarrow

_SENT_ON = "sent on"


def table(result: Result) -> "pyarrow.Table | None":
    """One row per request that came as far as the queue, by when it joined it last; None without a gateway.

    Who was refused never joined it: it comes first, without a time.
    """
    gateway, requests = result.outcome.gateway, result.requests
    if gateway is None:
        return None
    status, retries = result.outcome.requests.status, result.outcome.retries
    rows = np.flatnonzero((gateway.enqueued_us >= 0) | np.isin(status, GATEWAY_STATUSES))
    rows = rows[np.argsort(gateway.enqueued_us[rows], kind="stable")]
    bands = np.array([BAND_OF_CLASS[class_index(name)] for name in requests.slo_classes] or [0])
    # Who has been sent on is told by what it came to elsewhere.
    fates = np.where(np.isin(status, GATEWAY_STATUSES), status, len(STATUS_NAMES))[rows]
    return table_of(
        {
            "request": requests.number[rows],
            "enqueued_us": numbers(gateway.enqueued_us[rows], gateway.enqueued_us[rows] < 0),
            "dispatched_us": numbers(gateway.dispatched_us[rows], gateway.dispatched_us[rows] < 0),
            "ended_us": numbers(gateway.ended_us[rows], gateway.ended_us[rows] < 0),
            "fate": names(fates, (*STATUS_NAMES, _SENT_ON)),
            "urgency": np.array(BANDS)[bands[requests.slo_class[rows]]],
            "tenant": names(requests.tenant[rows], requests.tenants),
            "retries": np.zeros(len(rows), np.int64) if retries is None else retries[rows],
        }
    )
