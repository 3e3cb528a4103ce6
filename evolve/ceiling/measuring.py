"""What looking ahead is worth in a workload: a base policy, the honest look-ahead on it, and what hindsight adds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blis.foundation.semantics import semantics
from blis.foundation.units import Int64Vector
from blis.outcome import outcome
from blis.prepare import PreparedRun, prepare_cluster, prepared_run
from blis.result import Result
from blis.simulate import Simulation
from evolve.ceiling.clairvoyance import improved
from evolve.ceiling.draws import has_other_draws
from evolve.ceiling.hindrances import check_foreseeable
from evolve.ceiling.imagined import Imagined
from evolve.ceiling.keeping import keep_places
from evolve.ceiling.lookahead import Looking, look_ahead
from evolve.ceiling.valuing import Value
from evolve.objectives.cost import cost_figures
from evolve.records import Phenotype, Record
from evolve.trials.workloads import Prepared, with_limits


@dataclass(frozen=True, slots=True)
class Reached:
    """Records of one workload, to be compared by any objective."""

    base: Record  #: the base policy alone
    honest: Record | None  #: None where the workload is the same for every seed, so that nothing else can be imagined
    clairvoyant: Record


def reach(prepared: Prepared, base: Phenotype, looking: Looking, weights: Mapping[str, float], seed: int) -> Reached:
    """Look ahead in a workload.

    Parameters
    ----------
    prepared : Prepared
    base : Phenotype
        Decides all but the one decision that is being tried.
    looking : Looking
    weights : mapping of objective to float
        What counts, as far as it is a mean over requests, see `evolve.ceiling.valuing`.
    seed : int ≥ 0
        Of the imagined futures.

    Returns
    -------
    Reached
        The honest look-ahead may do worse than the base policy, by chance; the clairvoyant one, which improves the
        better of the two, never does by what counts.

    Raises
    ------
    BlisError
        If a simulation fails, or the scenario has what `evolve.ceiling.hindrances` lists.
    """
    check_foreseeable(prepared.scenario)
    run = _run(prepared, base)
    alone = _alone(prepared, run)
    here = _record(prepared, alone)
    if len(run.limits) == 1:
        return Reached(here, here, here)
    slo_class = prepared.requests.slo_class
    value = Value(prepared.scenario.slo, prepared.requests.slo_classes, weights)
    known = [alone.state.requests.instance.copy()]
    if has_other_draws(prepared.scenario, prepared.requests, seed):
        known.append(honest_places(prepared, run, looking, weights, seed))
    worth = [value.whole(_alone(prepared, run, places), slo_class) for places in known]
    beginning = Simulation(prepared.requests, run, seed=prepared.scenario.seed, record_steps=False)
    best, _ = improved(beginning, known[int(np.argmax(worth))], value, slo_class, looking.passes)
    honest = _record(prepared, _alone(prepared, run, known[1])) if len(known) > 1 else None
    return Reached(here, honest, _record(prepared, _alone(prepared, run, best)))


def honest_places(
    prepared: Prepared, run: PreparedRun, looking: Looking, weights: Mapping[str, float], seed: int
) -> Int64Vector:
    """Where the honest look-ahead sends each request, -1 for who is not routed."""
    imagined = Imagined(prepared.scenario, prepared.requests, looking.futures, seed, run.prepared_cluster)
    value = Value(prepared.scenario.slo, imagined.slo_classes, weights)
    elsewhere = Simulation(imagined.another, run, seed=prepared.scenario.seed, record_steps=False).run()
    value.expect(value.attainment_of(elsewhere, imagined.slo_class_of_another))
    simulation = imagined.simulation(run, prepared.scenario.seed)
    look_ahead(simulation, looking, value, imagined)
    places: Int64Vector = simulation.state.requests.instance.copy()
    return places


def _run(prepared: Prepared, base: Phenotype) -> PreparedRun:
    scenario = prepared.scenario
    cluster = prepare_cluster(
        with_limits(prepared, base.limits), semantics(scenario.semantics), scenario.horizon_us, scenario.slo
    )
    return prepared_run(cluster, prepared.preparations.policies(base))


def _alone(prepared: Prepared, run: PreparedRun, places: Int64Vector | None = None) -> Simulation:
    """A run to its end by the base policy, or with its requests in these places."""
    simulation = Simulation(prepared.requests, run, seed=prepared.scenario.seed)
    if places is not None:
        keep_places(simulation, places)
    return simulation.run()


def _record(prepared: Prepared, finished: Simulation) -> Record:
    """The figures of a run, as `evolve.trials.evaluation` has them without a trace."""
    result = Result(prepared.scenario, prepared.scenario.seed, finished, outcome(finished), engine_s=0.0)
    return Record({**result.figures(), **cost_figures(result.cluster, result.outcome)}, len(prepared.requests))
