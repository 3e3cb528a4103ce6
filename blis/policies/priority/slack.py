"""The less time a request has to spare, the more urgent it is: least slack first.

Slack is the deadline of the first token, as `edf` has it, less now, less the time to compute what of the prompt is
neither cached nor stored. So of two that are due together the longer prompt begins first. With `gives_up` whoever can
no longer be in time waits behind all who can: that costs the late ones everything and saves the others under overload,
where serving the late ones first makes everybody late.

Source: Mok, "Fundamental design problems of distributed systems for the hard-real-time environment" (1983). What a
token costs is a parameter: 29.6 µs is the prefill rate of 33,821 tokens/s in llm-d's guide to disaggregation.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

NEEDS = frozenset({"uncached_tokens"})
#: Lower than any slack: twice the most that a class may be promised.
_GIVEN_UP_US = 4e15


class Params(NamedTuple):
    """What a prompt costs, how much of the target counts, and what becomes of those that are late."""

    prefill_us_per_token: Annotated[float, Bounds(0.0, 1e6, "µs/token")] = 29.6
    target_scale: Annotated[float, Bounds(0.0, 1000.0, "times the class's target")] = 1.0
    gives_up: Annotated[int, Bounds(0, 1, "1: late requests wait behind all others")] = 0


def prioritise(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """Minus the slack [µs]; of those given up the least late first."""
    due_us = request.arrival_us + params[1] * request.ttft_target_us
    slack_us = due_us - view.clock_us - params[0] * view.uncached_tokens
    if params[2] > 0.0 and slack_us < 0.0:
        return slack_us - _GIVEN_UP_US
    return -slack_us
