"""Prices of decodes alone, as straight lines in the context that they read: one multiplication and one addition a step.

A line is known but for the last bits of its prices. Where a whole microsecond lies that near, `step_time` itself is
asked: so steps in a run cost to the microsecond what they would cost one by one.
"""

from typing import NamedTuple

from blis.engine._jit import kernel
from blis.foundation.units import Float64Vector


class Line(NamedTuple):
    """What a step of so many decodes costs, from one context to another."""

    first_context: int  #: sum of the tokens stored by all decodes where it begins
    last_context: int  #: the same where it ends, inclusive
    time_us: float  #: price at its beginning, not truncated
    per_token_us: float  #: what each further token of context adds, ≥ 0


#: The longest step there is.
LARGEST_US = 2**63 - 1
#: Longer than every context.
ANY_CONTEXT = 2**62
#: The line on which nothing lies.
NOWHERE = Line(0, -1, 0.0, 0.0)
#: Share of a price by which a line may miss it. Sums of some twenty terms that are not negative err by less than a
#: hundredth of that.
TOLERANCE = 2.0**-40


@kernel
def whole_us(time_us: float) -> int:
    """Whole microseconds of a price: at least 1, and at most what the clock can hold, also where it is not a number."""
    if not time_us < LARGEST_US:
        return LARGEST_US
    return max(1, int(time_us))


@kernel
def certain_us(time_us: float) -> int:
    """Whole microseconds of a price that may err by `TOLERANCE`; 0 where they are not certain, or there are none."""
    margin_us = time_us * TOLERANCE
    if not margin_us < 0.5:
        return 0
    whole_us = int(time_us)
    if margin_us < time_us - whole_us < 1.0 - margin_us:
        return whole_us
    return 0


@kernel
def larger(context: int, first_us: float, first_rise_us: float, second_us: float, second_rise_us: float) -> Line:
    """The larger of two prices that rise by so much per token, from `context` up to where the other overtakes it."""
    if first_us < second_us:
        first_us, second_us = second_us, first_us
        first_rise_us, second_rise_us = second_rise_us, first_rise_us
    last_context = ANY_CONTEXT
    if second_rise_us > first_rise_us:
        tokens = (first_us - second_us) / (second_rise_us - first_rise_us)
        if tokens < ANY_CONTEXT - context:
            last_context = context + int(tokens)
    return Line(context, last_context, first_us, first_rise_us)


def no_line(decodes: int, context: int, coefficients: Float64Vector) -> Line:
    """What a latency model has that draws no lines: prices of which nothing is certain, so that each is asked for."""
    return Line(0, ANY_CONTEXT, 0.0, 0.0)
