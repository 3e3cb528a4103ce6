"""What a published finding is, and what became of it here."""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Outcome(NamedTuple):
    """What was simulated."""

    figures: Mapping[str, float]  #: with units in their names
    holds: bool  #: whether they say what the finding says
    remark: str = ""  #: why they do not, or what differs


class Finding(NamedTuple):
    """One finding, and the simulations that it is looked for in."""

    name: str  #: the published one, V-...
    is_exact: bool  #: whether it has a closed form, and so must hold to the digit
    says: str  #: in one line
    measure: Callable[[], Outcome]
