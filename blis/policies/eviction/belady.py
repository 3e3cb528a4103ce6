"""The blocks whose next use lies farthest ahead go first.

The clairvoyant control: it reads the arrivals to come, so no cluster can run it and no search may. What it gains over
`lru` is what eviction can be worth at most, as far as routing leaves an instance what it was expected to get: the next
use is that by a request which has not been sent elsewhere yet, and for blocks whose next user is sent elsewhere it is
looked up anew.

Source: Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966. It
has the most hits where requests run one after the other on one instance; see `docs/fleet.md` for where it need not.
"""

from typing import NamedTuple

from blis.engine.views import BlocksView
from blis.foundation.units import Float64Vector

CLAIRVOYANT = True


class Params(NamedTuple):
    """No parameters."""


def rank(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> float:
    """The later the next use, the lower."""
    return -float(view.next_use_us)
