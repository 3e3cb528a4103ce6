"""What is simulated: a cluster, its policies and its workload, as a frozen record made from a plain mapping.

Reading is strict: an unknown key at any level is an error that names its path and the nearest key. Policies are
kept as they are written (a search makes thousands of scenarios) and checked when they are bound.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from blis.cluster.plan import ClusterPlan, cluster_plan
from blis.foundation.answers import QUESTIONS, as_mapping
from blis.foundation.checks import check_choice, check_int, check_keys
from blis.foundation.semantics import PRESETS, semantics
from blis.foundation.slo_targets import SHIPPED, SloTargets
from blis.unloaded import slo_targets
from blis.workload.plan import WorkloadPlan, generate_requests, workload_plan
from blis.workload.requests import Requests

LATEST_US = 2**61  #: beyond it the clock could overflow

Policy = Mapping[str, Any] | str | Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything that a simulation depends on."""

    cluster: ClusterPlan
    workload: WorkloadPlan
    policies: Mapping[str, Policy]  #: question -> {"policy": name, parameter: value ...} or the name
    horizon_us: int | None = None  #: events later than this do not happen
    semantics: str = "corrected"
    seed: int = 42
    slo: SloTargets = SHIPPED  #: what counts as good service, and what policies know of it

    @classmethod
    def from_mapping(cls, mapping: object, where: str = "") -> "Scenario":
        """The scenario that a plain mapping describes.

        Parameters
        ----------
        mapping : mapping
            Keys `cluster` and `workload` (mappings), and, if the default is not wanted, `policies` (question to name or
            {policy: name, parameter: value ...}), `horizon_us`, `semantics`, `seed`, `slo` (class to targets, in
            milliseconds or as multiples, see `blis.unloaded`).
        where : str
            Path of the mapping, for messages.

        Raises
        ------
        ConfigError
            If a key is unknown at any level, or a value wrong.
        """
        keys = ("cluster", "workload", "policies", "horizon_us", "semantics", "seed", "slo")
        given = check_keys(where or "scenario", mapping, keys, ("cluster", "workload"))
        at = f"{where}." if where else ""
        horizon_us = given.get("horizon_us")
        if horizon_us is not None:
            horizon_us = check_int(f"{at}horizon_us", horizon_us, 1, LATEST_US, "µs")
        cluster = cluster_plan(given["cluster"], f"{at}cluster")
        workload = workload_plan(given["workload"], f"{at}workload")
        rules = check_choice(f"{at}semantics", given.get("semantics", "corrected"), PRESETS)
        slo = SHIPPED
        if given.get("slo") is not None:
            slo = slo_targets(f"{at}slo", given["slo"], cluster, workload, semantics(rules))
        return cls(
            cluster=cluster,
            workload=workload,
            policies=_policies(given.get("policies"), f"{at}policies"),
            horizon_us=horizon_us,
            semantics=rules,
            seed=check_int(f"{at}seed", given.get("seed", 42), 0),
            slo=slo,
        )

    def requests(self, seed: int | None = None) -> Requests:
        """The requests that arrive: a function of the workload and the seed, the scenario's own if none is given."""
        return generate_requests(self.workload, self.seed if seed is None else seed, self.cluster.block_size_tokens)


def _policies(mapping: object, where: str) -> dict[str, Policy]:
    given = check_keys(where, {} if mapping is None else mapping, QUESTIONS)
    for question, choice in given.items():
        if not callable(choice):
            as_mapping(question, choice)
    return {question: dict(choice) if isinstance(choice, Mapping) else choice for question, choice in given.items()}
