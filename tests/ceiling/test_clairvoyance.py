from itertools import product

import numpy as np
import pytest

from blis.foundation.semantics import semantics
from blis.prepare import bind_run
from blis.simulate import Simulation
from evolve.ceiling.clairvoyance import improved
from evolve.ceiling.keeping import keep_places
from evolve.ceiling.lookahead import Looking
from evolve.ceiling.measuring import reach
from evolve.ceiling.valuing import Value
from evolve.records import Phenotype
from evolve.trials.workloads import Prepared, prepare
from tests.ceiling.conftest import BUSIEST, CLUSTER, CROWDED, LEAST_LOADED, ROUND_ROBIN, SLO

WEIGHTS = {"lateness": 0.4, "promised-time": 0.3, "slo-attainment": 0.3}


def value_of(prepared: Prepared) -> Value:
    return Value(prepared.scenario.slo, prepared.requests.slo_classes, WEIGHTS)


def beginning_of(prepared: Prepared, phenotype: Phenotype) -> Simulation:
    run = bind_run(prepared.cluster, phenotype.policies, semantics("corrected"))
    return Simulation(prepared.requests, run, seed=3, record_steps=False)


@pytest.mark.parametrize("name", ["crowded", "turns"])
@pytest.mark.parametrize("phenotype", [ROUND_ROBIN, LEAST_LOADED, BUSIEST])
def test_nothing_is_ever_lost_in_hindsight(name: str, phenotype: Phenotype, request: pytest.FixtureRequest) -> None:
    prepared = request.getfixturevalue(name)
    value, classes = value_of(prepared), prepared.requests.slo_class
    beginning = beginning_of(prepared, phenotype)
    finished = beginning.fork().run()

    places, worth = improved(beginning, finished.state.requests.instance, value, classes, 1)

    again = beginning.fork()
    keep_places(again, places)
    assert worth >= value.whole(finished, classes)
    assert value.whole(again.run(), classes) == worth


def test_no_single_change_improves_what_hindsight_has_ended_with(crowded: Prepared) -> None:
    value, classes = value_of(crowded), crowded.requests.slo_class
    beginning = beginning_of(crowded, ROUND_ROBIN)
    first = beginning.fork().run().state.requests.instance

    places, worth = improved(beginning, first, value, classes, 50)

    for request in range(0, len(places), 7):
        for instance in range(3):
            changed = places.copy()
            changed[request] = instance
            run = beginning.fork()
            keep_places(run, changed)
            assert value.whole(run.run(), classes) <= worth


def test_the_worth_of_a_run_is_that_of_its_figures(crowded: Prepared) -> None:
    record = reach(crowded, ROUND_ROBIN, Looking(1.0, 1), WEIGHTS, 5).base
    finished = beginning_of(crowded, ROUND_ROBIN).run()

    worth = value_of(crowded).whole(finished, crowded.requests.slo_class)

    figures = {
        name: float(record.figures[name] or 0.0) for name in ("lateness", "promised_time_used", "slo_attainment")
    }
    expected = 0.3 * np.log(figures["slo_attainment"]) - 0.4 * np.log(figures["lateness"])
    assert worth == pytest.approx(expected - 0.3 * np.log(figures["promised_time_used"]), abs=1e-12)


def test_the_best_of_all_places_is_found_where_it_is_known() -> None:
    # Five requests at almost the same time: all 2^5 ways to place them are tried.
    workload = {**CROWDED, "num_requests": 5, "rate": 1000, "prefix_groups": 2}
    small = {**CLUSTER, "instances": 2, "max_running_requests": 1}
    prepared = prepare({"cluster": small, "workload": workload, "slo": SLO, "seed": 1})
    value, classes = value_of(prepared), prepared.requests.slo_class
    beginning = beginning_of(prepared, BUSIEST)

    def worth_of(places: tuple[int, ...]) -> float:
        run = beginning.fork()
        keep_places(run, np.array(places))
        return value.whole(run.run(), classes)

    best = max(map(worth_of, product(range(2), repeat=5)))
    crowd = beginning.fork().run().state.requests.instance
    _, found = improved(beginning, crowd, value, classes, 10)

    assert value.whole(beginning.fork().run(), classes) < best
    assert found == pytest.approx(best, abs=0.02 * abs(best))
