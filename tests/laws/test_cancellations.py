"""Requests that are taken away from outside: what they held comes back, and nobody else notices more than room."""

import random
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from blis.cluster.latency import LatencyModel, affine
from blis.engine.codes import CLIENT_LEFT, COMPLETED, NEVER_US, QUEUED, RUNNING
from blis.engine.laws import check_conservation, check_laws
from blis.foundation.errors import ConfigError
from blis.prepare import PreparedRun, bind_run
from blis.simulate import Cancellation, Simulation
from blis.workload.requests import Requests
from experiments.fuzz.case import ROW_DEFAULTS
from experiments.fuzz.checks import cancellations
from experiments.fuzz.draw import draw_case
from experiments.fuzz.subject import Subject, requests_of_rows, rows_of
from tests.laws.test_moving_kv import with_moving_kv
from tests.laws.test_simulation_is_a_value import BLOCK, LATENCY, cluster, random_requests
from tests.laws.test_whole_fleets import cases


def test_laws_hold_whatever_is_around_the_instances() -> None:
    for case in islice(cases(31, 1), 30):
        assert list(cancellations.check(Subject(case))) == [], f"seed 31, case {case.number}"


def test_laws_hold_wherever_kv_moves() -> None:
    tried = 0
    for number in range(60):
        case = with_moving_kv(draw_case(32, number, "compiled"), random.Random(f"32-{number}"))
        try:
            subject = Subject(case)
        except ConfigError:  # what was drawn does not go together
            continue
        assert list(cancellations.check(subject)) == [], f"seed 32, case {number}"
        tried += "cancellations" in subject.asked
    assert tried > 20


def without(requests: Requests, rows: list[int]) -> Requests:
    """The requests but for some."""
    kept = [row for place, row in enumerate(rows_of(requests)) if place not in rows]
    return requests_of_rows(tuple(kept), requests.block_size_tokens)


def one_instance(**changes: Any) -> PreparedRun:
    one = cluster(1)
    return bind_run(replace(one, instances=(replace(one.instances[0], **changes),)))


AT_ONCE = affine.prepare(affine.Params(alpha_us=(0.0, 0.0, 7.0), beta_us=(100.0, 10.0, 5.0)), None, None, 1)


@pytest.mark.parametrize("latency", [LATENCY, AT_ONCE], ids=["on its way into the queue", "in the queue"])
@pytest.mark.parametrize("seed", range(4))
def test_who_leaves_before_its_turn_was_never_there(seed: int, latency: LatencyModel) -> None:
    # One instance, served in order: who has just come delays nobody until it is taken.
    requests, prepared = random_requests(seed), one_instance(latency=latency)
    run, gone = Simulation(requests, prepared), []
    for row, arrival_us in enumerate(requests.arrival_us.tolist()):
        is_alone = (requests.arrival_us == arrival_us).sum() == 1
        run.advance(arrival_us + 1)
        if is_alone and row % 3 == 0 and run.state.requests.scheduled_us[row] < 0:
            assert run.cancel(row, arrival_us + 1) == Cancellation.DONE
            gone.append(row)
    run.run()

    others = np.setdiff1d(np.arange(len(requests)), gone)
    never = Simulation(without(requests, gone), prepared).run()
    assert len(gone) > 3
    for name in ("status", "scheduled_us", "first_token_us", "finished_us", "preemptions", "cached_blocks"):
        np.testing.assert_array_equal(run.state.requests[name][others], never.state.requests[name], err_msg=name)


def two_requests(**changes: Any) -> Simulation:
    """Two long answers on an instance that serves one at a time."""
    own = ROW_DEFAULTS | {"input_tokens": 8, "output_tokens": 20} | changes
    rows = tuple(own | {"arrival_us": arrival_us} for arrival_us in (0, 10))
    return Simulation(requests_of_rows(rows, BLOCK), one_instance(max_running_requests=1))


def test_a_running_request_gives_its_place_and_blocks_at_the_end_of_the_step() -> None:
    run = two_requests()
    run.advance(1_000)
    state = run.state
    assert state.requests.status.tolist() == [RUNNING, QUEUED]
    step_ends_us = int(state.instances.next_step_us[0])

    assert run.cancel(0, 1_000) == Cancellation.DONE

    assert state.instances.used_blocks[0] == 0
    assert state.instances.running_requests[0] == 0
    run.run()
    assert run.state.requests.status.tolist() == [CLIENT_LEFT, COMPLETED]
    assert run.state.requests.scheduled_us[1] == step_ends_us
    check_conservation(run.state)
    check_laws(run.workload, run.prepared.limits, run.state)


def test_its_prompt_is_found_by_who_asks_the_same() -> None:
    run = two_requests(prefix_group="same", prefix_length=8)
    run.advance(1_000)

    run.cancel(0, 1_000)
    run.run()

    assert run.state.requests.cached_blocks[1] == 1  # of two whole blocks: the last is computed anew


def test_nothing_is_taken_from_who_has_ended_or_is_about_to() -> None:
    run = two_requests()
    end_us = int(two_requests().run().state.requests.finished_us[0])
    run.advance(end_us - 1)

    assert run.cancel(0, end_us - 1) == Cancellation.TOO_LATE
    assert run.cancel(1, end_us - 1) == Cancellation.DONE
    assert run.cancel(1, end_us - 1) == Cancellation.TOO_LATE
    run.run()
    assert run.state.requests.status.tolist() == [COMPLETED, CLIENT_LEFT]
    assert run.state.instances.next_event_us[0] == NEVER_US


def test_who_has_not_come_is_asked_for_again() -> None:
    run = two_requests()
    run.advance(5)

    assert run.cancel(1, 5) == Cancellation.TOO_EARLY
    run.advance(11)
    assert run.cancel(1, 11) == Cancellation.DONE


def test_a_copy_of_before_goes_on_with_it() -> None:
    run = two_requests()
    run.advance(1_000)
    copy = run.fork()

    run.cancel(0, 1_000)
    run.run()
    copy.run()

    assert copy.state.requests.tobytes() == two_requests().run().state.requests.tobytes()
    assert run.state.requests.status[0] == CLIENT_LEFT
