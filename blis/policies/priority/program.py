"""A request is as urgent as a postfix program says.

The program is data (see `blis.engine.program`): changing it compiles nothing. It may use every feature of
`blis.engine.program.PRIORITY_FEATURES`. A value that is not a number counts as the least urgent.
"""

from typing import Annotated, NamedTuple

from blis.engine.program import STACK_SIZE, evaluate_priority, queue_signals_of, uses_changing_feature
from blis.engine.views import QueueView, RequestView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Formula

NEEDS = queue_signals_of


class Params(NamedTuple):
    """The program, as words in postfix order."""

    formula: Annotated[str, Formula("priority")] = "age_us"


def ORDER_IS_FIXED(params: Float64Vector) -> bool:  # noqa: N802
    """Whether the program reads nothing that changes while requests wait."""
    return not uses_changing_feature(params)


def memory_size(n_instances: int, n_requests: int) -> int:
    """The program's stack."""
    return STACK_SIZE


def prioritise(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """The program's value."""
    return evaluate_priority(params, memory, view, request)
