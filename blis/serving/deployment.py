"""The engines behind a server's ports: one for each instance, or one for the whole cluster behind our own router."""

from collections.abc import Mapping
from dataclasses import replace

from blis.cluster.deployment import build_cluster
from blis.cluster.instances import Cluster
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import semantics
from blis.policies.binding import DEFAULT_POLICIES
from blis.prepare import PreparedRun, bind_run, prepare, with_room_to_swap
from blis.scenario import Policy, Scenario

BEHIND = ("instances", "router")

#: What an instance decides; the other questions are the cluster's.
_OF_INSTANCES = (
    *("priority", "scheduling", "preemption", "eviction"),
    *("tiering", "tier_eviction", "tier_writing", "preemption_mode"),
)


def deployments(scenario: Scenario, behind: str) -> list[PreparedRun]:
    """What serves behind each port.

    Parameters
    ----------
    scenario : Scenario
    behind : {"instances", "router"}

    Raises
    ------
    ConfigError
        If the scenario cannot be built, or has parts that only a router in front of its instances has.
    """
    if scenario.horizon_us is not None:
        raise ConfigError(f"horizon_us must be null: a server runs until it is stopped; got {scenario.horizon_us}.")
    if behind == "router":
        return [prepare(scenario)]
    rules = semantics(scenario.semantics)
    cluster = build_cluster(scenario.cluster, semantics=rules)
    policies = {question: policy for question, policy in scenario.policies.items() if question in _OF_INSTANCES}
    return [with_room_to_swap(bind_run(one, policies, rules, None, scenario.slo)) for one in _alone(cluster)]


def unasked(scenario: Scenario) -> tuple[str, ...]:
    """Questions that were answered otherwise than by default, and that no instance asks by itself."""
    return tuple(
        question
        for question, policy in scenario.policies.items()
        if question not in _OF_INSTANCES and _name(policy) != DEFAULT_POLICIES[question]
    )


def _name(policy: Policy) -> str:
    return str(policy.get("policy", "")) if isinstance(policy, Mapping) else str(policy)


def _alone(cluster: Cluster) -> list[Cluster]:
    """Each instance as a cluster of its own, without a router's delays."""
    parts = {
        "autoscaling or failures": cluster.fleet,
        "gateway": cluster.gateway,
        "disaggregation": cluster.disaggregation,
        "instances of the role encode": cluster.encoder if cluster.encodes_apart else None,
    }
    for name, part in parts.items():
        if part is not None:
            raise ConfigError(f"cluster: {name} must be served behind=router; got behind=instances.")
    tiers = cluster.kv_tiers
    if tiers is not None and tiers.plan.tiers[-1].shared and len(cluster.instances) > 1:
        raise ConfigError("cluster: kv_tiers that instances share must be served behind=router; got behind=instances.")
    alone, swap = [], cluster.swap
    for place, one in enumerate(cluster.instances):
        own_tiers = None
        if tiers is not None:
            own_tiers = replace(tiers, block_bytes=(tiers.block_bytes[place],), gpus=(tiers.gpus[place],))
        room = None
        if swap is not None:
            room = replace(swap, block_bytes=(swap.block_bytes[place],), gpus=(swap.gpus[place],))
        alone.append(
            replace(
                cluster,
                instances=(one,),
                kv_tiers=own_tiers,
                swap=room,
                admission_latency_us=0,
                routing_latency_us=0,
                snapshot_refresh_us=0,
                cache_signal_delay_us=0,
            )
        )
    return alone
