"""How many times better than a baseline's is a figure?

No small number is added to make a division work: it would decide the result wherever a figure is near it. Instead every
scale has its own ratio (a is the figure, b the baseline's, larger is better):

- a time or rate: a / b. Equal values, both 0 too, give 1.
- a share: a / b; of one that should be small the rest is compared, (1 - a) / (1 - b), so that rejecting 1 % instead of
  nothing is a loss of 1 %.
- a count that should be small: (1 + b) / (1 + a). For preemptions per request it is how often a request is begun.

Where b / a turns it around for times that should be small. A ratio beyond `MOST`, in particular over 0, counts as
`MOST`, and one below 1 / `MOST` as that, so that no single figure can outweigh all others.
"""

from blis.fitness.objectives import Objective, Scale

MOST = 100.0


def ratio(judged: Objective, value: float, baseline: float) -> float:
    """The figure relative to the baseline's, in [1 / MOST, MOST]; above 1 is better.

    Parameters
    ----------
    judged : Objective
    value, baseline : float
        Finite and ≥ 0.
    """
    better, worse = value, baseline
    if judged.direction < 0:
        if judged.scale is Scale.SHARE:
            better, worse = 1.0 - value, 1.0 - baseline
        elif judged.scale is Scale.COUNT:
            better, worse = 1.0 + baseline, 1.0 + value
        else:
            better, worse = baseline, value
    if better == worse:
        return 1.0
    if better >= worse * MOST:
        return MOST
    return max(better / worse, 1.0 / MOST)
