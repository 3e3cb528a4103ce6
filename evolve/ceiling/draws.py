"""Other draws of a run's workload: what might have come in its place."""

import numpy as np

from blis.foundation.randomness import stream
from blis.scenario import Scenario
from blis.workload.requests import Requests

#: Draws that are looked at, at most, for each that is wanted: stretches of a log should not be those of the run.
_MOST_TRIES = 8


def has_other_draws(scenario: Scenario, requests: Requests, seed: int) -> bool:
    """Whether other seeds give other requests: a log is the same each time, unless stretches of it are drawn."""
    (other,) = other_draws(scenario, requests, 1, seed)
    columns = ("arrival_us", "input_tokens", "output_tokens")
    return not all(np.array_equal(getattr(requests, name), getattr(other, name)) for name in columns)


def other_draws(scenario: Scenario, requests: Requests, count: int, seed: int) -> list[Requests]:
    """Draws of the workload by other seeds; of a log those stretches that have least in common with the run's own."""
    is_stretch = getattr(scenario.workload.params, "stretch", None) is not None
    wanted = count * (_MOST_TRIES if is_stretch else 1)
    seeds = stream(seed, "ceiling", "draws").integers(2**53, size=wanted).tolist()
    found = [scenario.requests(one) for one in seeds]
    if is_stretch:
        common = [int(np.isin(one.number, requests.number).sum()) for one in found]
        found = [found[place] for place in np.argsort(common, kind="stable")[:count].tolist()]
    return found
