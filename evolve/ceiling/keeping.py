"""Lets a copy's router repeat what it did in another copy, so that one decision is made otherwise and no other."""

from functools import lru_cache

import numpy as np

from blis.engine.views import ROUTING
from blis.explaining.counterfactual.replay import replay_policy
from blis.foundation.units import Int64Vector
from blis.prepare import PreparedRun, with_policies
from blis.simulate import Simulation


def keep_places(copy: Simulation, places: Int64Vector) -> None:
    """Send every request of the copy to its place from here on; who has none (-1) goes to the first instance."""
    copy.prepared = _replaying(copy.prepared)
    settings = copy.settings.copy()
    settings["asks_routing"] = settings["n_scorers"] = 0
    copy.settings = settings
    memory = np.zeros((len(copy.memory), max(copy.memory.shape[1], len(places))))
    memory[:, : copy.memory.shape[1]] = copy.memory
    memory[ROUTING, : len(places)] = np.maximum(places, 0)
    copy.memory = memory


@lru_cache(maxsize=8)
def _replaying(run: PreparedRun) -> PreparedRun:
    return with_policies(run, {**run.policies, "routing": replay_policy()})
