"""Everything of a run but its requests: looked up, checked and bound, once for all the runs that share it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.cluster.deployment import build_cluster
from blis.cluster.instances import Cluster
from blis.engine import codes
from blis.engine.answers import addresses, compiled_answer, compiled_line
from blis.engine.fields import Records
from blis.foundation.answers import QUESTIONS
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import CORRECTED, Semantics, semantics
from blis.policies.binding import DEFAULT_POLICIES, BoundPolicy, bind_all
from blis.scenario import Policy, Scenario

#: Blocks that the router of the recorded reference remembers of each instance.
REFERENCE_INDEX_BLOCKS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class PreparedRun:
    """A cluster and its policies, in the form that kernels read; any number of runs may start from it."""

    cluster: Cluster
    policies: Mapping[str, BoundPolicy]
    semantics: Semantics
    horizon_us: int | None  #: events later than this do not happen; None: all happen
    settings: Mapping[str, int]  #: what the kernel's settings follow from, beside the requests and the seed
    limits: Records  #: (m,) of the instances
    coefficients: np.ndarray  #: float64 (m, k) of the latency model
    answers: Any  #: addresses of the compiled answers, in the order of `blis.engine.views`
    parameters: np.ndarray  #: float64 (5, widest) one row per question


def prepare(scenario: Scenario) -> PreparedRun:
    """Look up, check and bind everything that a scenario names but its workload.

    Raises
    ------
    ConfigError
        If a model or a device does not exist, a model does not fit, or a policy or its parameters are wrong.
    """
    rules = semantics(scenario.semantics)
    cluster = build_cluster(scenario.cluster, semantics=rules)
    return bind_run(cluster, scenario.policies, rules, scenario.horizon_us)


def bind_run(
    cluster: Cluster,
    policies: Mapping[str, BoundPolicy | Policy] | None = None,
    semantics: Semantics = CORRECTED,
    horizon_us: int | None = None,
) -> PreparedRun:
    """Bind policies to a cluster that is there already.

    Parameters
    ----------
    cluster : Cluster
    policies : mapping of question to BoundPolicy, to a name, or to {"policy": name, parameter: value}
        Questions that are left out get `blis.policies.binding.DEFAULT_POLICIES`.
    semantics : Semantics
        `corrected` unless a recording of the reference is to be reproduced.
    horizon_us : int, optional
        Events later than this do not happen.

    Raises
    ------
    ConfigError
        If a policy or its parameters are wrong.
    """
    bound = bind_all(policies or {})
    return PreparedRun(
        cluster=cluster,
        policies=bound,
        semantics=semantics,
        horizon_us=horizon_us,
        settings={**_cluster_settings(cluster, semantics, horizon_us), **_policy_settings(bound)},
        limits=_checked_limits(cluster, semantics),
        coefficients=cluster.coefficients(),
        answers=addresses(_functions(cluster, bound)),
        parameters=rows([bound[question].parameters for question in QUESTIONS]),
    )


def _checked_limits(cluster: Cluster, semantics: Semantics) -> Records:
    """The instances' limits; two steps under way need the rules of the engine that has them."""
    limits = cluster.limits(semantics)
    if any(one.speculative for one in cluster.instances):
        _check_drafts(limits, semantics)
    if limits.async_scheduling.any() and not semantics.resume_keeps_output:
        raise ConfigError(
            "cluster: async_scheduling needs the semantics corrected or vllm-0.32; the recorded reference composes a "
            "step when it starts."
        )
    return limits


def _check_drafts(limits: Records, semantics: Semantics) -> None:
    """Speculative decoding has the rules of the engine that has it, and one step under way at a time."""
    if not semantics.resume_keeps_output:
        raise ConfigError(
            "cluster: speculative needs the semantics corrected or vllm-0.32; the recorded reference does not draft."
        )
    if (limits.async_scheduling.astype(bool) & (limits.draft_tokens > 0)).any():
        raise ConfigError(
            "cluster: speculative must not be combined with async_scheduling true, which would compose a step before "
            "it is known how many drafts the one before it accepted; leave async_scheduling out, or set it to false."
        )


def rows(vectors: list[np.ndarray]) -> np.ndarray:
    """The vectors as rows of one matrix, filled up with zeros."""
    matrix = np.zeros((len(vectors), max(len(vector) for vector in vectors)))
    for row, vector in zip(matrix, vectors, strict=True):
        row[: len(vector)] = vector
    return matrix


def _cluster_settings(cluster: Cluster, semantics: Semantics, horizon_us: int | None) -> dict[str, int]:
    flags = semantics._asdict()
    flags.pop("blocks_fit_memory")  # the cluster has its blocks
    load_counts_once, ties_are_drawn = flags.pop("load_counts_once"), flags.pop("ties_are_drawn")
    del flags["async_scheduling"], flags["reserve_full_isl"]  # of the instances
    index_blocks = 0 if flags.pop("index_is_cache_sized") else REFERENCE_INDEX_BLOCKS
    return {
        "n_instances": len(cluster.instances),
        "block_size_tokens": cluster.block_size_tokens,
        "admission_latency_us": cluster.admission_latency_us,
        "routing_latency_us": cluster.routing_latency_us,
        "snapshot_refresh_us": cluster.snapshot_refresh_us,
        "cache_signal_delay_us": cluster.cache_signal_delay_us,
        "horizon_us": codes.NEVER_US - 2 if horizon_us is None else horizon_us,
        "load_kind": codes.LOAD_PENDING if load_counts_once else codes.LOAD_IN_FLIGHT,
        "router_index_blocks": cluster.router_index_blocks or index_blocks,
        "most_drafts": max(one.speculative.draft_tokens if one.speculative else 0 for one in cluster.instances),
        "draws_ties": ties_are_drawn if cluster.router_ties is None else cluster.router_ties == "random",
        **flags,
    }


def _policy_settings(policies: Mapping[str, BoundPolicy]) -> dict[str, int]:
    admission, routing = policies["admission"], policies["routing"]
    priority, scheduling, victim = policies["priority"], policies["scheduling"], policies["preemption"]
    sorts = bool(scheduling.flag("SORTS", True))
    ranks = bool(victim.flag("NEEDS_PRIORITY", victim.is_python))
    asks_order = sorts and (priority.is_python or scheduling.is_python)
    needs = admission.needs | routing.needs
    return {
        "queue_kind": _queue_kind(priority, scheduling, asks_order) if sorts else codes.ARRIVAL_ORDER,
        "n_scorers": len(routing.scorers),
        "needs_cached_blocks": "cached_blocks" in needs,
        "needs_affinity": "affinity_blocks" in needs,
        "ranks_victims": ranks and not priority.is_python,
        "policy_scores": bool(routing.flag("SCORES", False)),
        "looks": bool(admission.flag("LOOKS", True) or routing.flag("LOOKS", True)),
        "effects_are_local": _effects_are_local(policies),
        "asks_admission": admission.is_python,
        "asks_routing": routing.is_python,
        "asks_order": asks_order,
        "asks_victim": victim.is_python or (ranks and priority.is_python),  # who ranks for a choice is asked at it
        "urgency_kind": _urgency_kind(priority, scheduling),
        "takes_urgent_first": _takes_urgent_first(priority, scheduling),
    }


def _effects_are_local(policies: Mapping[str, BoundPolicy]) -> bool:
    """Whether one instance can change nothing for another: nobody looks at them, or remembers one at the other."""
    looks = any(policies[question].flag("LOOKS", True) for question in ("admission", "routing"))
    return not looks and not any(_remembers(policies[name]) for name in ("priority", "scheduling", "preemption"))


def _remembers(policy: BoundPolicy) -> bool:
    """Whether a policy may keep something for its next decision; what a program calls its memory is its stack."""
    return policy.is_python or (policy.name != "program" and policy.flag("memory_size", None) is not None)


def _functions(cluster: Cluster, policies: Mapping[str, BoundPolicy]) -> list[Any]:
    """The compiled answers in the order that `blis.engine.views` gives; a Python callable's place holds a default."""

    def function(question: str) -> Any:
        policy = policies[question]
        return compiled_answer(question, DEFAULT_POLICIES[question]) if policy.is_python else policy.decide

    functions = [function(question) for question in QUESTIONS]
    functions += [compiled_answer("latency", cluster.latency), compiled_line(cluster.latency)]
    functions.append(_urgency(policies["priority"]))
    return functions + [compiled_answer("scoring", name) for name in policies["routing"].scorers]


def _urgency(priority: BoundPolicy) -> Any:
    """The priority that the chosen one stands for: its own, or the one that it turns upside down."""
    if priority.is_python:
        return compiled_answer("priority", DEFAULT_POLICIES["priority"])
    stands_for = priority.flag("STANDS_FOR", None)
    return compiled_answer("priority", stands_for) if stands_for else priority.decide


def _queue_kind(priority: BoundPolicy, scheduling: BoundPolicy, asks_order: bool) -> int:
    if asks_order:
        return codes.CHANGING_ORDER
    if not scheduling.flag("USES_PRIORITY", True) or _is_fixed(priority):
        return codes.FIXED_ORDER
    return codes.CHANGING_ORDER


def _urgency_kind(priority: BoundPolicy, scheduling: BoundPolicy) -> int:
    """By what a waiting request is passed over wrongly; orders that only Python knows are not judged."""
    if not scheduling.flag("SORTS", True):
        return codes.BY_QUEUEING
    if priority.is_python or scheduling.is_python or not scheduling.flag("USES_PRIORITY", True):
        return codes.BY_NOTHING
    return codes.BY_PRIORITY


def _takes_urgent_first(priority: BoundPolicy, scheduling: BoundPolicy) -> bool:
    """Whether the order of taking is that of urgency: not where the priority turns it upside down."""
    return bool(scheduling.flag("TAKES_URGENT_FIRST", False)) and not priority.flag("STANDS_FOR", "")


def _is_fixed(priority: BoundPolicy) -> bool:
    """Whether the order of two waiting requests by this priority never changes."""
    fixed = priority.flag("ORDER_IS_FIXED", False)
    return bool(fixed(priority.parameters) if callable(fixed) else fixed)
