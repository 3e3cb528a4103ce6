from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from blis.engine.codes import NEVER_US
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import semantics
from blis.foundation.units import frozen
from blis.prepare import PreparedRun, bind_run
from blis.simulate import Simulation
from evolve.ceiling.draws import other_draws
from evolve.ceiling.imagined import Imagined
from evolve.ceiling.keeping import keep_places
from evolve.ceiling.lengths import set_lengths, written_tokens
from evolve.ceiling.lookahead import Looking
from evolve.ceiling.measuring import honest_places, reach
from evolve.records import Phenotype, Record
from evolve.trials.workloads import Prepared, prepare
from tests.ceiling.conftest import BUSIEST, CLUSTER, CROWDED, LEAST_LOADED, LOG, ROUND_ROBIN, SLO

SHORT = Looking(horizon_s=2.0, futures=3)


def bound(prepared: Prepared, phenotype: Phenotype) -> PreparedRun:
    return bind_run(prepared.cluster, phenotype.policies, semantics("corrected"))


def lateness(record: Record | None) -> float:
    assert record is not None
    return float(record.figures["lateness"] or 0.0)


@pytest.mark.parametrize("name", ["crowded", "turns"])
def test_equal_to_the_last_figure(name: str, request: pytest.FixtureRequest) -> None:
    prepared = request.getfixturevalue(name)

    one, same = (reach(prepared, ROUND_ROBIN, SHORT, {}, 5) for _ in range(2))

    assert one == same


def test_who_crowds_is_improved_by_looking_ahead(crowded: Prepared) -> None:
    reached = reach(crowded, BUSIEST, SHORT, {"lateness": 1.0}, 5)

    assert lateness(reached.honest) < 0.8 * lateness(reached.base)
    assert lateness(reached.clairvoyant) <= lateness(reached.honest)


def test_it_is_no_worse_than_its_base_policy_in_the_mean() -> None:
    gains = []
    for seed in range(5):
        prepared = prepare({"cluster": CLUSTER, "workload": CROWDED, "slo": SLO, "seed": seed})
        reached = reach(prepared, LEAST_LOADED, SHORT, {"lateness": 1.0}, seed)
        gains.append(np.log(lateness(reached.base) / lateness(reached.honest)))

    assert np.mean(gains) > 0.0


def test_boundless_caution_leaves_the_base_policy_as_it_is(crowded: Prepared) -> None:
    run = bound(crowded, LEAST_LOADED)

    places = honest_places(crowded, run, Looking(horizon_s=2.0, futures=2, caution=1e9), {}, 5)

    assert np.array_equal(places, Simulation(crowded.requests, run, seed=3).run().state.requests.instance)


def test_other_seeds_imagine_other_futures(crowded: Prepared) -> None:
    run = bound(crowded, ROUND_ROBIN)

    places = [honest_places(crowded, run, SHORT, {}, seed) for seed in (5, 6)]

    assert not np.array_equal(*places)


def test_requests_that_come_later_are_not_known(crowded: Prepared) -> None:
    run, half = bound(crowded, LEAST_LOADED), 30
    requests = crowded.requests
    later = np.arange(len(requests)) >= half
    changed = replace(
        requests,
        input_tokens=frozen(np.where(later, requests.input_tokens + 700, requests.input_tokens), np.int64),
        output_tokens=frozen(np.where(later, 3 * requests.output_tokens, requests.output_tokens), np.int64),
        arrival_us=frozen(requests.arrival_us + np.where(later, 50_000, 0), np.int64),
    )

    places = honest_places(crowded, run, SHORT, {}, 5)
    others = honest_places(replace(crowded, requests=changed), run, SHORT, {}, 5)

    assert np.array_equal(places[:half], others[:half])
    assert not np.array_equal(places, others)


def test_how_long_answers_become_is_not_known(crowded: Prepared) -> None:
    run, requests = bound(crowded, LEAST_LOADED), crowded.requests
    ended_us = Simulation(requests, run, seed=3).run().state.requests.finished_us
    arrivals = int(np.searchsorted(requests.arrival_us, ended_us.min()))
    longer = replace(requests, output_tokens=frozen(requests.output_tokens * 2, np.int64))

    places = honest_places(crowded, run, SHORT, {}, 5)
    others = honest_places(replace(crowded, requests=longer), run, SHORT, {}, 5)

    assert arrivals > 5
    assert np.array_equal(places[:arrivals], others[:arrivals])


@pytest.mark.parametrize("rank", [0, 20, 45])
def test_answers_that_get_another_length_go_on_as_if_they_had_always_had_it(crowded: Prepared, rank: int) -> None:
    run, requests = bound(crowded, ROUND_ROBIN), crowded.requests
    stopped = Simulation(requests, run, seed=3, record_steps=False)
    stopped.stop_at_routing(rank)
    stopped.advance(NEVER_US)
    copy = stopped.fork()
    under_way = np.flatnonzero(copy.state.requests.status < 3)
    lengths = written_tokens(copy, under_way) + 1 + (under_way * 37) % 200
    table = np.array(copy.workload.table)
    set_lengths(copy, table, under_way, lengths)
    copy.workload = copy.workload._replace(table=table.view(np.recarray))

    told = replace(requests, output_tokens=frozen(table["output_tokens"], np.int64))
    always = Simulation(told, run, seed=3, record_steps=False).run()

    assert not np.array_equal(table["output_tokens"], requests.output_tokens)
    assert np.array_equal(copy.run().state.requests.finished_us, always.state.requests.finished_us)


@pytest.mark.parametrize("name", ["crowded", "turns", "log"])
def test_a_run_that_is_laid_out_for_imagined_futures_is_the_run_itself(
    name: str, request: pytest.FixtureRequest
) -> None:
    prepared = request.getfixturevalue(name)
    policies = Phenotype({"routing": {"policy": "preble"}})
    run = bound(prepared, policies)

    laid_out = Imagined(prepared.scenario, prepared.requests, 2, 5, run.prepared_cluster).simulation(run, 3).run()

    plain = Simulation(prepared.requests, run, seed=3).run()
    assert np.array_equal(laid_out.state.requests.finished_us, plain.state.requests.finished_us)
    assert np.array_equal(laid_out.state.requests.cached_blocks, plain.state.requests.cached_blocks)


def test_who_comes_instead_shares_the_texts_that_are_cached(crowded: Prepared) -> None:
    run = bound(crowded, ROUND_ROBIN)
    imagined = Imagined(crowded.scenario, crowded.requests, 1, 5, run.prepared_cluster)
    base = imagined.simulation(run, 3)
    base.stop_at_routing(40)
    base.advance(NEVER_US)

    (future,) = imagined.at(base)

    future.simulation.run()
    n_own = 512 // 16
    found = future.simulation.state.requests.cached_blocks[45:]
    assert (found[found >= 0] >= n_own).mean() > 0.5


def test_a_log_that_is_always_the_same_leaves_nothing_to_imagine() -> None:
    same = prepare({"cluster": {**CLUSTER, "kv_blocks": 20_000}, "workload": LOG, "slo": SLO, "seed": 3})

    reached = reach(same, ROUND_ROBIN, Looking(horizon_s=1.0, futures=1, passes=1), {}, 5)

    assert reached.honest is None
    assert lateness(reached.clairvoyant) <= lateness(reached.base)


def test_stretches_that_are_imagined_are_others_than_the_one_that_comes(log: Prepared) -> None:
    found = other_draws(log.scenario, log.requests, 3, 5)

    assert not any(np.isin(one.number, log.requests.number).any() for one in found)


def test_places_can_be_kept(crowded: Prepared) -> None:
    run = bound(crowded, Phenotype({"routing": {"policy": "power-of-k"}}))
    before = Simulation(crowded.requests, run, seed=3).run()

    again = Simulation(crowded.requests, bound(crowded, ROUND_ROBIN), seed=3)
    keep_places(again, before.state.requests.instance)

    assert np.array_equal(again.run().state.requests.finished_us, before.state.requests.finished_us)


def test_one_instance_leaves_nothing_to_decide(crowded: Prepared) -> None:
    alone = prepare({"cluster": {**CLUSTER, "instances": 1}, "workload": CROWDED, "slo": SLO, "seed": 3})

    reached = reach(alone, ROUND_ROBIN, SHORT, {}, 5)

    assert reached.base == reached.honest == reached.clairvoyant


@pytest.mark.parametrize("wrong", [{"horizon_s": 0}, {"futures": 0}, {"caution": -1}, {"passes": 0}])
def test_what_cannot_be_looked_at_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Looking(**wrong)
