"""Policies in the form that kernels read: bound once for all the clusters and requests that they are tried on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.engine import codes
from blis.engine.answers import compiled_answer, compiled_queues
from blis.foundation.answers import DISAGGREGATION_QUESTIONS, ENCODING_QUESTIONS, GATEWAY_QUESTIONS, QUESTIONS
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from blis.policies.binding import DEFAULT_POLICIES, BoundPolicy, bind_all, made_ready
from blis.policies.needs import settings_of


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPolicies:
    """An answer to every question."""

    policies: Mapping[str, BoundPolicy]
    settings: Mapping[str, int]  #: what the kernel's settings follow from them
    decisions: tuple[Any, ...]  #: compiled, in the order of `QUESTIONS` without filtering; a callable's is a default
    queues: tuple[Any, Any]  #: compiled; in which queue the eviction policy keeps blocks, and which queue gives way
    urgency: Any  #: the compiled priority that the chosen one stands for
    scorers: tuple[Any, ...]  #: compiled
    filters: tuple[Any, ...]  #: compiled, in the order in which they are asked
    prefill_scorers: tuple[Any, ...]  #: compiled; of the policy that chooses who computes a prompt
    encode_scorers: tuple[Any, ...]  #: compiled; of the policy that chooses who encodes
    when_divided: Mapping[str, int]  #: settings that replace the others where prefill and decode may be divided
    when_encoded: Mapping[str, int]  #: settings that join the others where instances encode for others
    parameters: np.ndarray  #: float64 (questions and filters, widest) one row each

    @property
    def may_swap(self) -> bool:
        """Whether a victim's blocks may be kept, where there is room for them."""
        return not self.policies["preemption_mode"].flag("NEVER_SWAPS", False)


def prepare_policies(
    policies: Mapping[str, BoundPolicy | Mapping[str, Any] | str | Callable[..., Any]],
) -> PreparedPolicies:
    """Bind policies.

    Parameters
    ----------
    policies : mapping of question to BoundPolicy, to a name, or to {"policy": name, parameter: value}
        Questions that are left out get `blis.policies.binding.DEFAULT_POLICIES`.

    Raises
    ------
    ConfigError
        If a policy or its parameters are wrong.
    """
    bound = {question: made_ready(policy) for question, policy in bind_all(policies).items()}
    for question in (*GATEWAY_QUESTIONS, *DISAGGREGATION_QUESTIONS, *ENCODING_QUESTIONS):
        if bound[question].is_python:
            who = "the gateway" if question in GATEWAY_QUESTIONS else "the router"
            raise ConfigError(
                f"{question} must be a shipped policy or a function compiled with numba.njit, because {who} asks "
                f"without stopping; got {bound[question].name!r}."
            )
    prefill_routing = _prefill_routing(bound)
    return PreparedPolicies(
        policies=bound,
        settings=_policy_settings(bound),
        decisions=tuple(
            _decision(name, prefill_routing if name == "prefill_routing" else bound[name])
            for name in QUESTIONS
            if name != "filtering"
        ),
        queues=_queues(bound["eviction"]),
        urgency=_urgency(bound["priority"]),
        scorers=tuple(compiled_answer("scoring", name) for name in bound["routing"].scorers),
        filters=tuple(one.decide for one in bound["filtering"].filters),
        prefill_scorers=tuple(compiled_answer("scoring", name) for name in prefill_routing.scorers),
        encode_scorers=tuple(compiled_answer("scoring", name) for name in bound["encode_routing"].scorers),
        when_divided=_when_divided(bound, prefill_routing),
        when_encoded=_when_encoded(bound, prefill_routing),
        parameters=_rows(
            [one.parameters for one in ({**bound, "prefill_routing": prefill_routing}[name] for name in QUESTIONS)]
            + [one.parameters for one in bound["filtering"].filters]
        ),
    )


def _prefill_routing(bound: Mapping[str, BoundPolicy]) -> BoundPolicy:
    """Who chooses the instance that computes a prompt."""
    chosen = bound["prefill_routing"]
    return bound["routing"] if chosen.name == DEFAULT_POLICIES["prefill_routing"] else chosen


def _when_divided(bound: Mapping[str, BoundPolicy], prefill_routing: BoundPolicy) -> dict[str, int]:
    """Settings of a run in which prefill and decode may be divided; none if the policy never does."""
    decider = bound["disaggregation"]
    if decider.flag("NEVER_DIVIDES", False):
        return {}
    asked = (bound["admission"], bound["filtering"], bound["routing"], prefill_routing, decider)
    needs = frozenset[str]().union(*(one.needs for one in asked))
    return {
        **settings_of(needs),
        "disaggregates": True,
        "sees_prefill_instance": decider.flag("SEES_PREFILL_INSTANCE", False),
        "n_prefill_scorers": len(prefill_routing.scorers),
        "looks": True,
        "effects_are_local": False,
        "restricts_candidates": True,
    }


def _when_encoded(bound: Mapping[str, BoundPolicy], prefill_routing: BoundPolicy) -> dict[str, int]:
    """Settings of a run in which instances may encode for others; none if the policy never lets them."""
    decider, routing = bound["encoding"], bound["encode_routing"]
    if decider.flag("NEVER_ENCODES_APART", False):
        return {}
    return {
        **settings_of(decider.needs | routing.needs),
        "encodes_apart": True,
        "n_encode_scorers": len(routing.scorers),
        "first_encode_scorer": sum(
            map(len, (bound["routing"].scorers, bound["filtering"].filters, prefill_routing.scorers))
        ),
        "looks": True,
    }


def _decision(question: str, policy: BoundPolicy) -> Any:
    return compiled_answer(question, DEFAULT_POLICIES[question]) if policy.is_python else policy.decide


def _queues(eviction: BoundPolicy) -> tuple[Any, Any]:
    """What a policy says of its queues; a callable has one."""
    return compiled_queues(DEFAULT_POLICIES["eviction"] if ":" in eviction.name else eviction.name)


def _rows(vectors: list[Float64Vector]) -> np.ndarray:
    """The vectors as rows of one matrix, filled up with zeros: to two numbers at least, by which service is weighed."""
    matrix = np.zeros((len(vectors), max(2, *(len(vector) for vector in vectors))))
    for row, vector in zip(matrix, vectors, strict=True):
        row[: len(vector)] = vector
    return matrix


def _policy_settings(policies: Mapping[str, BoundPolicy]) -> dict[str, int]:
    admission, routing = policies["admission"], policies["routing"]
    priority, scheduling, victim = policies["priority"], policies["scheduling"], policies["preemption"]
    sorts = bool(scheduling.flag("SORTS", True))
    ranks = bool(victim.flag("NEEDS_PRIORITY", victim.is_python))
    asks_order = sorts and (priority.is_python or scheduling.is_python)
    filtering = policies["filtering"]
    needs, needs_queued = admission.needs | filtering.needs | routing.needs, _queue_needs(priority, scheduling, victim)
    return {
        **_eviction_settings(policies["eviction"]),
        "queue_kind": _queue_kind(priority, scheduling, asks_order) if sorts else codes.ARRIVAL_ORDER,
        "n_scorers": len(routing.scorers),
        "n_filters": len(filtering.filters),
        **settings_of(needs),
        "ranks_victims": ranks and not priority.is_python,
        "policy_scores": bool(routing.flag("SCORES", False)),
        "needs_expected_output": "expected_output_tokens" in needs | needs_queued,
        "needs_uncached_tokens": "uncached_tokens" in needs_queued,
        "needs_service": "tenant_service" in needs_queued,
        "sorts_after_each": sorts and bool(scheduling.flag("SORTS_AFTER_EACH", False)),
        "looks": _looks(policies),
        "effects_are_local": _effects_are_local(policies),
        "admits_all": bool(admission.flag("ADMITS_ALL", False)),
        "asks_admission": admission.is_python,
        "asks_routing": routing.is_python,
        "asks_order": asks_order,
        "asks_scaling": policies["scaling"].is_python,
        "asks_victim": victim.is_python or (ranks and priority.is_python),  # who ranks for a choice is asked at it
        "urgency_kind": _urgency_kind(priority, scheduling),
        "takes_urgent_first": _takes_urgent_first(priority, scheduling),
        "gate_reads_reports": policies["saturation"].flag("READS_REPORTS", True),
        "gate_reads_records": policies["saturation"].flag("READS_RECORDS", True),
        "gate_counts_cycles": policies["ceiling"].flag("COUNTS_CYCLES", False),
        "disaggregates": False,
        "sees_prefill_instance": False,
        "n_prefill_scorers": 0,
        "encodes_apart": False,
        "n_encode_scorers": 0,
        "first_encode_scorer": 0,
        "gate_expects_output": "expected_output_tokens" in policies["queue_order"].needs,
    }


def _eviction_settings(eviction: BoundPolicy) -> dict[str, int]:
    """What the kernel keeps of free blocks for an eviction policy."""
    ghosts = eviction.flag("ghost_share", None)
    return {
        "evicts_oldest": bool(eviction.flag("EVICTS_OLDEST", False)),
        "n_queues": eviction.flag("N_QUEUES", 1),
        "ghost_permille": round(1000 * ghosts(eviction.parameters)) if ghosts else 0,
        "needs_frequency": "frequency" in eviction.flag("NEEDS", frozenset()),
        "needs_next_use": bool(eviction.flag("CLAIRVOYANT", False)),
    }


def _queue_needs(priority: BoundPolicy, scheduling: BoundPolicy, victim: BoundPolicy) -> frozenset[str]:
    """Costly signals that an instance's own policies read, as far as they are asked at all."""
    sorts, ranks = scheduling.flag("SORTS", True), victim.flag("NEEDS_PRIORITY", victim.is_python)
    needed: frozenset[str] = scheduling.needs if sorts else frozenset()
    return needed | priority.needs if sorts or ranks else needed


def _looks(policies: Mapping[str, BoundPolicy]) -> bool:
    """Whether a decision about a request reads, or changes, more than the instance that it is sent to."""
    looks = any(policies[question].looks for question in ("admission", "filtering", "routing"))
    return bool(looks or policies["eviction"].flag("CLAIRVOYANT", False))  # which ranks anew what others hold


def _effects_are_local(policies: Mapping[str, BoundPolicy]) -> bool:
    """Whether one instance can change nothing for another: nobody looks at them, or remembers one at the other."""
    local = ("priority", "scheduling", "preemption", "eviction", "tiering", "preemption_mode")
    return not _looks(policies) and not any(_remembers(policies[name]) for name in local)


def _remembers(policy: BoundPolicy) -> bool:
    """Whether a policy may carry something from one instance to another; a program's memory is only its stack."""
    if policy.flag("REMEMBERS_INSTANCES_APART", False):
        return False
    return policy.is_python or (policy.name != "program" and policy.flag("memory_size", None) is not None)


def _urgency(priority: BoundPolicy) -> Any:
    """The priority that the chosen one stands for: its own, or the one that it turns upside down."""
    if priority.is_python:
        return compiled_answer("priority", DEFAULT_POLICIES["priority"])
    stands_for = priority.flag("STANDS_FOR", None)
    return compiled_answer("priority", stands_for) if stands_for else priority.decide


def _queue_kind(priority: BoundPolicy, scheduling: BoundPolicy, asks_order: bool) -> int:
    if asks_order:
        return codes.CHANGING_ORDER
    if not scheduling.flag("ORDER_IS_FIXED", True):
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
