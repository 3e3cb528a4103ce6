"""Whether a request that failed is sent again, and when."""

from blis.observing.exchange import PASSING, Failure
from blis.observing.settings import RetrySettings


def wait_s(retries: RetrySettings, failure: Failure | None, n_before: int) -> float | None:
    """Seconds until the next attempt; None: there is none.

    Only what the server refuses for now is tried again, and only if it does not ask for too much patience.

    Parameters
    ----------
    retries : RetrySettings
    failure : Failure or None
        Of the last attempt; None: it succeeded.
    n_before : int
        How often the request has been sent again already.
    """
    if failure is None or failure.http_status not in PASSING or n_before >= retries.attempts:
        return None
    wanted_s = retries.base_s * 2.0**n_before if failure.retry_after_s is None else failure.retry_after_s
    return wanted_s if wanted_s <= retries.longest_s else None
