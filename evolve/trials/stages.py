"""Where candidates are tried: the stage of a workload for the batch limits that they ask for, prepared once."""

from collections.abc import Mapping

from blis.foundation.semantics import semantics
from blis.prepare import prepare_cluster
from blis.stage import Stage
from evolve.trials.workloads import Prepared, with_limits


def stage_of(prepared: Prepared, limits: Mapping[str, int], needs_trace: bool) -> Stage:
    """The stage, on which any number of candidates may run at a time.

    Parameters
    ----------
    prepared : Prepared
    limits : mapping
        Batch limits that replace the scenario's.
    needs_trace : bool
        Whether decisions are traced.

    Raises
    ------
    ConfigError
        If the cluster cannot have these limits.
    """

    def make() -> Stage:
        scenario = prepared.scenario
        rules = semantics(scenario.semantics)
        cluster = prepare_cluster(with_limits(prepared, limits), rules, scenario.horizon_us, scenario.slo)
        trace = "summary" if needs_trace else "none"
        return Stage(prepared.requests, cluster, seed=scenario.seed, trace=trace)

    return prepared.preparations.stages.get((prepared.digest, tuple(sorted(limits.items())), needs_trace), make)
