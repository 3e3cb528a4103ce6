"""Whether a request has ended, in whatever way."""

from blis.engine._jit import kernel
from blis.engine.codes import CLIENT_LEFT, COMPLETED, GATEWAY_EVICTED, GATEWAY_QUEUED


@kernel
def has_ended(status: int) -> bool:
    """Whether nothing will happen any more to a request in this state."""
    return COMPLETED <= status < GATEWAY_QUEUED or status in (GATEWAY_EVICTED, CLIENT_LEFT)
