"""The host's memory before the first event: nothing lies there, and nothing travels."""

from typing import NamedTuple

from blis.engine.records import Records, records
from blis.engine.state import Swap
from blis.engine.swap_fields import SPACE_FIELDS, SWAPPED_FIELDS
from blis.engine.tier_fields import CHANNEL_FIELDS


class SwapTables(NamedTuple):
    """What is given of the host's memory; copied, never changed."""

    spaces: Records  # (m,) SPACE_FIELDS
    channels: Records  # (2 · m,) CHANNEL_FIELDS


def new_swap(tables: SwapTables | None, n_requests: int) -> Swap:
    """What preempted requests may use before anybody has; without it no room either."""
    spaces, channels = tables or (records(SPACE_FIELDS, 0), records(CHANNEL_FIELDS, 0))
    return Swap(
        requests=records(SWAPPED_FIELDS, 0 if tables is None else n_requests),
        spaces=spaces.copy(),
        channels=channels.copy(),
    )
