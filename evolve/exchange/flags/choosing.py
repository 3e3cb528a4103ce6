"""Routing that several routers share: who is chosen, apart from how each of them spells it."""

from collections.abc import Mapping
from typing import Any

from evolve.exchange.llm_d.scorers import weights_of

#: An answer to `routing` that takes any instance.
RANDOM: Mapping[str, Any] = {"policy": "weighted", "scorers": {"load-balance": 1.0}, "picker": "random-of-best"}
#: One that takes the instance with the fewest requests in flight, counted by the router.
FEWEST_IN_FLIGHT: Mapping[str, Any] = {"policy": "weighted", "scorers": {"active-requests": 1.0}, "picker": "largest"}
SESSION: Mapping[str, Any] = {"policy": "session-affinity"}

REPORTED = "there the requests that the router has in flight, here those that instances report and those on the way"


def is_random(policy: Mapping[str, Any]) -> bool:
    """Whether any instance is taken, whatever its score."""
    return bool(policy["policy"] == "weighted" and policy["picker"] == "random-of-best" and policy["best"] == 0)


def is_fewest_in_flight(policy: Mapping[str, Any]) -> bool:
    """Whether the fewest requests in flight decide alone."""
    if policy["policy"] != "weighted" or policy["picker"] != "largest":
        return False
    return [name for name, weight in weights_of(policy["scorers"]).items() if weight > 0] == ["active-requests"]


def is_least_loaded(policy: Mapping[str, Any]) -> bool:
    """Whether the fewest requests decide alone, in flight or as instances report them."""
    if policy["policy"] == "least-loaded":
        return True
    if policy["policy"] != "weighted" or policy["picker"] != "largest":
        return False
    own = [name for name, weight in weights_of(policy["scorers"]).items() if weight > 0]
    return own in (["active-requests"], ["load-balance"])
