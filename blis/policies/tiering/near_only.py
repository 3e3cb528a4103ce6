"""Load what the nearest tiers have, up to the first block that lies further away.

Wise where far tiers are there for failures and restarts, and their transfers would hold up those of the near ones.
"""

from typing import Annotated, NamedTuple

from blis.engine.state import MOST_TIERS
from blis.engine.views import TieringView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """Which tiers are near."""

    near_tiers: Annotated[float, Bounds(1.0, MOST_TIERS, "tiers")] = 1.0


def load(view: TieringView, params: Float64Vector, memory: Float64Vector) -> int:
    """The blocks that were found, up to the first one that no near tier has."""
    return int(view.leading_blocks[int(params[0]) - 1])
