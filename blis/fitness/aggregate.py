"""From a gain in each scenario to one gain, which no single scenario owns.

Policies that differ by a factor of five in one scenario and by two percent in another would be told apart by the first
alone. So each scenario's log ratio is measured in spreads: the standard deviation of the log ratios that known policies
have there. Beyond a few spreads a gain counts less and less, so that a scenario that some policies ruin does not decide
among those that do not. Their mean is moved towards the softened minimum, -log(mean(exp(-gain))), by the penalty: what
is lost somewhere weighs more than what is won elsewhere.

Without spreads every log ratio counts as it is, and with a penalty of 0 too the value is the geometric mean, the only
mean of ratios that keeps its order if the baseline is changed (Fleming and Wallace, "How not to lie with statistics",
CACM 29(3), 1986).
"""

import math
from collections.abc import Mapping, Sequence

#: Spreads beyond which a gain hardly grows any more.
MOST_SPREADS = 4.0
#: The least spread: policies that differ by less in a scenario differ by chance.
LEAST_SPREAD = 0.03


def spread_of(log_ratios: Sequence[float]) -> float:
    """How much known policies differ in a scenario: the standard deviation of their log ratios, not below the least.

    Parameters
    ----------
    log_ratios : sequence of float
        One for each policy; at least two, or there is nothing to differ.
    """
    if len(log_ratios) < 2:
        return LEAST_SPREAD
    mean = math.fsum(log_ratios) / len(log_ratios)
    variance = math.fsum((one - mean) ** 2 for one in log_ratios) / (len(log_ratios) - 1)
    return max(LEAST_SPREAD, math.sqrt(variance))


def aggregate(log_ratios: Mapping[str, float], spreads: Mapping[str, float], penalty: float) -> float:
    """One log ratio for all scenarios; of a single scenario without a spread it is that scenario's own.

    Parameters
    ----------
    log_ratios : mapping of scenario to float
        At least one.
    spreads : mapping of scenario to float > 0
        Of all of these scenarios, or empty: then they count as they are.
    penalty : float in [0, 1]
        How far the mean moves towards the softened minimum.
    """
    if not spreads:
        return _softened(list(log_ratios.values()), penalty)
    gains = [MOST_SPREADS * math.tanh(one / spreads[name] / MOST_SPREADS) for name, one in log_ratios.items()]
    # In units of the typical spread it is about as many times better as a policy is in a typical scenario.
    unit = math.exp(math.fsum(math.log(spreads[name]) for name in log_ratios) / len(log_ratios))
    return unit * _softened(gains, penalty)


def _softened(gains: Sequence[float], penalty: float) -> float:
    mean = math.fsum(gains) / len(gains)
    if penalty == 0.0:
        return mean
    worst = min(gains)  # taken out of the sum, so that nothing overflows
    softened = worst - math.log(math.fsum(math.exp(worst - one) for one in gains) / len(gains))
    return mean + penalty * (softened - mean)
