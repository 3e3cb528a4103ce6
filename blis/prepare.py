"""Everything of a run but its requests: looked up, checked and bound, once for all the runs that share it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.cluster.deployment import build_cluster
from blis.cluster.disaggregation import disaggregation_settings
from blis.cluster.encoder import encoder_settings
from blis.cluster.fleet import fleet_settings, fleet_tables
from blis.cluster.gateway import gateway_settings
from blis.cluster.instances import Cluster
from blis.cluster.kv_tiers import tier_settings, tier_tables
from blis.cluster.request_timeout import timeout_settings
from blis.cluster.swap_space import swap_settings, swap_tables
from blis.engine import codes
from blis.engine.answers import addresses, compiled_answer, compiled_line
from blis.engine.fleet_start import FleetTables
from blis.engine.records import Records
from blis.engine.swap_start import SwapTables
from blis.engine.tier_start import TierTables
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import CORRECTED, Semantics, semantics
from blis.foundation.slo_targets import SHIPPED, SloTargets
from blis.policies.binding import BoundPolicy
from blis.policies.prepared import PreparedPolicies, prepare_policies
from blis.policies.tier_rules import tier_rules
from blis.scenario import Policy, Scenario

#: Blocks that the router of the recorded reference remembers of each instance.
REFERENCE_INDEX_BLOCKS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class PreparedCluster:
    """A cluster in the form that kernels read, checked once for all the policies that are tried on it."""

    cluster: Cluster
    semantics: Semantics
    horizon_us: int | None  #: events later than this do not happen; None: all happen
    settings: Mapping[str, int]  #: what the kernel's settings follow from, beside policies, requests and the seed
    limits: Records  #: (m,) of the instances
    coefficients: np.ndarray  #: float64 (m, k) of the latency model
    prices: tuple[Any, ...]  #: the compiled latency model, see `blis.engine.views`
    ttft_targets_us: tuple[int, ...]  #: of each SLO class: when a first token is due, which policies may read
    itl_targets_us: tuple[int, ...]  #: of each SLO class: the mean time between tokens, which policies may read
    fleet: FleetTables | None = None  #: instances that come and go; None: all are there all the time
    tiers: TierTables | None = None  #: what lies beneath the GPUs' KV blocks; None: nothing
    swap: SwapTables | None = None  #: where blocks of preempted requests may go; None: they are computed anew


@dataclass(frozen=True, slots=True, eq=False)
class PreparedRun:
    """A cluster and its policies, in the form that kernels read; any number of runs may start from it."""

    prepared_cluster: PreparedCluster
    prepared_policies: PreparedPolicies
    answers: Any  #: addresses of the compiled answers, in the order of `blis.engine.views`
    tier_rules: Mapping[str, int]  #: settings of the kernel that policies have otherwise than the cluster

    @property
    def policies(self) -> Mapping[str, BoundPolicy]:
        """What decides, by question."""
        return self.prepared_policies.policies

    @property
    def parameters(self) -> np.ndarray:
        """Float64 (questions, widest) one row per question."""
        return self.prepared_policies.parameters

    @property
    def cluster(self) -> Cluster:
        """What serves."""
        return self.prepared_cluster.cluster

    @property
    def semantics(self) -> Semantics:
        """By which rules."""
        return self.prepared_cluster.semantics

    @property
    def horizon_us(self) -> int | None:
        """Events later than this do not happen; None: all happen."""
        return self.prepared_cluster.horizon_us

    @property
    def limits(self) -> Records:
        """(m,) of the instances."""
        return self.prepared_cluster.limits

    @property
    def coefficients(self) -> np.ndarray:
        """Float64 (m, k) of the latency model."""
        return self.prepared_cluster.coefficients


def prepare(scenario: Scenario) -> PreparedRun:
    """Look up, check and bind everything that a scenario names but its workload.

    Raises
    ------
    ConfigError
        If a model or a device does not exist, a model does not fit, or a policy or its parameters are wrong.
    """
    rules = semantics(scenario.semantics)
    cluster = build_cluster(scenario.cluster, semantics=rules)
    return with_room_to_swap(bind_run(cluster, scenario.policies, rules, scenario.horizon_us, scenario.slo))


def with_room_to_swap(run: PreparedRun) -> PreparedRun:
    """The run, unless its policy may keep a victim's blocks and no instance has room for any.

    Of what a search tries on many clusters each asks what it has a use for; who runs one scenario means what it says.

    Raises
    ------
    ConfigError
        If it is so.
    """
    if run.cluster.swap is None and run.prepared_policies.may_swap:
        raise ConfigError(
            "preemption_mode must be recompute where instances have no room in host memory, which cluster.swap gives "
            f"them (cluster.swap={{}}: 4 GiB for each GPU); got {run.policies['preemption_mode'].name!r}."
        )
    return run


def prepare_cluster(
    cluster: Cluster, semantics: Semantics = CORRECTED, horizon_us: int | None = None, slo: SloTargets = SHIPPED
) -> PreparedCluster:
    """Check a cluster, and lay out what the kernel reads of it.

    Parameters
    ----------
    cluster : Cluster
    semantics : Semantics
        `corrected` unless a recording of the reference is to be reproduced.
    horizon_us : int, optional
        Events later than this do not happen.
    slo : SloTargets
        What the cluster promises, which its policies know.

    Raises
    ------
    ConfigError
        If the semantics have no rules for what an instance does.
    """
    return PreparedCluster(
        cluster=cluster,
        semantics=semantics,
        horizon_us=horizon_us,
        settings=_cluster_settings(cluster, semantics, horizon_us),
        limits=_checked_limits(cluster, semantics),
        coefficients=cluster.coefficients(),
        prices=(compiled_answer("latency", cluster.latency), compiled_line(cluster.latency)),
        ttft_targets_us=slo.ttft_targets_us(),
        itl_targets_us=slo.itl_targets_us(),
        fleet=fleet_tables(cluster),
        tiers=tier_tables(cluster.kv_tiers),
        swap=swap_tables(cluster.swap),
    )


def prepared_run(cluster: PreparedCluster, policies: PreparedPolicies) -> PreparedRun:
    """A cluster with these policies."""
    if not cluster.semantics.copies_findable and not policies.settings["evicts_oldest"]:
        raise ConfigError(
            "eviction must be lru where the recorded reference is reproduced; got "
            f"{policies.policies['eviction'].name!r}. Use lru, or the semantics corrected or vllm-0.32."
        )
    _check_divided(cluster, policies)
    if cluster.cluster.swap is not None and policies.may_swap and not cluster.semantics.resume_keeps_output:
        raise ConfigError(
            "preemption_mode must be recompute where the recorded reference is reproduced: there a preempted request "
            f"starts again from nothing; got {policies.policies['preemption_mode'].name!r}. Use recompute, or the "
            "semantics corrected or vllm-0.32."
        )
    functions = [
        *policies.decisions,
        *cluster.prices,
        policies.urgency,
        *policies.queues,
        *policies.scorers,
        *policies.filters,
        *policies.prefill_scorers,
        *policies.encode_scorers,
    ]
    blocks = cluster.limits.total_blocks[0] if cluster.cluster.kv_tiers else 0
    rules = tier_rules(cluster.cluster.kv_tiers, policies.policies, int(blocks))
    return PreparedRun(cluster, policies, addresses(functions), rules)


def _check_divided(cluster: PreparedCluster, policies: PreparedPolicies) -> None:
    """Refuse policies that cannot decide where prefill and decode are divided."""
    if cluster.cluster.disaggregation is None or not policies.when_divided:
        return
    routing = policies.policies["routing"]
    if routing.is_python:
        raise ConfigError(
            "routing must be a shipped policy or a function compiled with numba.njit where prefill and decode may be "
            f"divided, because the router asks without stopping; got {routing.name!r}."
        )
    if policies.settings["needs_next_use"]:
        raise ConfigError(
            "eviction must not be belady where prefill and decode may be divided: it does not know on which of the two "
            "instances a prompt will be asked for."
        )


def with_policies(run: PreparedRun, policies: Mapping[str, BoundPolicy | Policy]) -> PreparedRun:
    """The same cluster with other policies."""
    return prepared_run(run.prepared_cluster, prepare_policies(policies))


def bind_run(
    cluster: Cluster,
    policies: Mapping[str, BoundPolicy | Policy] | None = None,
    semantics: Semantics = CORRECTED,
    horizon_us: int | None = None,
    slo: SloTargets = SHIPPED,
) -> PreparedRun:
    """Prepare a cluster with one set of policies: see `prepare_cluster` and `prepare_policies`."""
    return prepared_run(prepare_cluster(cluster, semantics, horizon_us, slo), prepare_policies(policies or {}))


def _checked_limits(cluster: Cluster, semantics: Semantics) -> Records:
    """The instances' limits; two steps under way need the rules of the engine that has them."""
    limits = cluster.limits(semantics)
    if cluster.kv_tiers is not None and not semantics.copies_findable:
        raise ConfigError(
            "cluster: kv_tiers need the semantics corrected or vllm-0.32; the recorded reference has no such tiers."
        )
    if any(one.speculative for one in cluster.instances):
        _check_drafts(limits, semantics)
    if limits.async_scheduling.any() and not semantics.resume_keeps_output:
        raise ConfigError(
            "cluster: async_scheduling needs the semantics corrected or vllm-0.32; the recorded reference composes a "
            "step when it starts."
        )
    if cluster.disaggregation is not None and not semantics.copies_findable:
        raise ConfigError(
            "cluster.disaggregation needs the semantics corrected or vllm-0.32; the recorded reference has no rules "
            "for a divided request."
        )
    if cluster.encoder is not None and not semantics.copies_findable:
        raise ConfigError(
            "cluster.encoder needs the semantics corrected or vllm-0.32; the recorded reference prices images, audio "
            "and video as text."
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
        **gateway_settings(cluster.gateway),
        **tier_settings(cluster.kv_tiers),
        **swap_settings(cluster.swap),
        **timeout_settings(cluster.request_timeout_us),
        "awaits_kv": cluster.moves_kv,
        **disaggregation_settings(cluster.disaggregation),
        **encoder_settings(cluster.encoder),
        "horizon_us": codes.NEVER_US - 2 if horizon_us is None else horizon_us,
        "load_kind": codes.LOAD_PENDING if load_counts_once else codes.LOAD_IN_FLIGHT,
        "router_index_blocks": cluster.router_index_blocks or index_blocks,
        "most_drafts": max(one.speculative.draft_tokens if one.speculative else 0 for one in cluster.instances),
        "draws_ties": ties_are_drawn if cluster.router_ties is None else cluster.router_ties == "random",
        **fleet_settings(cluster),
        **flags,
    }
