"""What a cluster must not have for a look-ahead to tell what its decisions are worth.

Copies of a run meet requests that are put in the places of others, and go to instances that another copy chose. That is
worked out for requests that are routed once, and stay on one of instances that are always there.
"""

from blis.foundation.errors import ConfigError
from blis.scenario import Scenario


def hindrances(scenario: Scenario) -> list[str]:
    """What of a scenario a look-ahead cannot foresee, in words; none where it can."""
    cluster = scenario.cluster
    found = {
        "a gateway": cluster.gateway is not None,
        "autoscaling": cluster.autoscaling is not None,
        "failures": bool(cluster.failures),
        "kv_tiers": cluster.kv_tiers is not None,
        "disaggregation": cluster.disaggregation is not None,
        "instances of the role encode": any(pool.role == "encode" for pool in cluster.pools),
        "clients that give up": cluster.request_timeout_us is not None,
        "clients that come again": scenario.workload.retries is not None,
    }
    return [name for name, is_there in found.items() if is_there]


def check_foreseeable(scenario: Scenario) -> None:
    """Refuse to look ahead in a scenario that has a hindrance.

    Raises
    ------
    ConfigError
        If it has one.
    """
    found = hindrances(scenario)
    if found:
        raise ConfigError(
            f"ceiling: a look-ahead needs instances that are always there, and requests that are routed once; got a "
            f"scenario with {', '.join(found)}."
        )
