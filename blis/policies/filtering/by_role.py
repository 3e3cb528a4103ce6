"""Keep the instances of one role: those that decode, or those that prefill; an instance of both roles has either.

Wise where pools of several roles are candidates. Who only prefills is none for a whole request in any case.

Source: llm-d-router 0.9, decode-filter and prefill-filter by the label llm-d.ai/role: prefill-decode pods pass both,
and pods without the label count as decode; here a pool without a role has both.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.roles import DECODE, PREFILL
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.parameters import OneOf

LOOKS = False


class Params(NamedTuple):
    """Which role."""

    role: Annotated[str, OneOf(("decode", "prefill"))] = "decode"


def keep(view: RouterView, request: RequestView, params: Float64Vector, kept: Int64Vector) -> None:
    """Whoever has the role."""
    wanted = DECODE if params[0] == 0.0 else PREFILL
    for instance in view.candidates:
        kept[instance] = 1 if view.roles[instance] & wanted != 0 else 0
