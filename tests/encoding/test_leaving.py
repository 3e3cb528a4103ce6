"""Requests that leave while their media are encoded on another instance, or their embeddings move."""

from typing import Any

import pytest

from blis.engine.codes import AWAITING_EMBEDDINGS, CLIENT_LEFT, COMPLETED, ENCODING, TIMED_OUT
from blis.engine.laws import check_conservation, check_laws
from blis.prepare import prepare
from blis.scenario import Scenario
from blis.simulate import Cancellation, Simulation
from experiments.fuzz.checks.conservation import EMPTY_AT_THE_END
from tests.disaggregation.small_pools import simulation
from tests.encoding.small_encoders import APART, cluster, computer, encoder, requests
from tests.encoding.test_encoding import MOVE_US, PASS_US, STEP_US


def weigh(run: Simulation) -> None:
    check_conservation(run.state)
    check_laws(run.workload, run.prepared.limits, run.state)


def statuses(run: Simulation) -> list[int]:
    found: list[int] = run.state.requests.status.tolist()
    return found


@pytest.mark.parametrize("timeout_us", [3_000, PASS_US + 100], ids=["in a pass", "embeddings move"])
def test_a_clients_time_runs_from_the_arrival_while_its_media_are_encoded(timeout_us: int) -> None:
    run = simulation(requests([0]), cluster(computer(), encoder(), request_timeout_us=timeout_us), APART)

    run.advance(timeout_us)
    assert statuses(run) == [ENCODING if timeout_us < PASS_US else AWAITING_EMBEDDINGS]
    run.advance(timeout_us + 1)

    assert statuses(run) == [TIMED_OUT]
    weigh(run)
    run.run()
    weigh(run)
    for name in EMPTY_AT_THE_END:
        assert not run.state.instances[name].any(), name


def test_whoever_is_encoded_in_time_and_served_in_time_completes() -> None:
    enough_us = PASS_US + MOVE_US + 5 * STEP_US
    run = simulation(requests([0]), cluster(computer(), encoder(), request_timeout_us=enough_us), APART).run()

    assert statuses(run) == [COMPLETED]


@pytest.mark.parametrize("now_us", [1_000, PASS_US + 100], ids=["in a pass", "embeddings move"])
def test_a_cancelled_request_leaves_encoder_and_target(now_us: int) -> None:
    run = simulation(requests([0]), cluster(computer(), encoder()), APART)
    run.advance(now_us)

    assert run.cancel(0, now_us) == Cancellation.DONE

    assert statuses(run) == [CLIENT_LEFT]
    weigh(run)
    for name in EMPTY_AT_THE_END:
        assert not run.state.instances[name].any(), name


def test_who_waits_for_an_encoder_goes_before_those_behind() -> None:
    # The first is in a pass; without the second the third is encoded alone in the next.
    run = simulation(requests([0, 1, 2]), cluster(computer(), encoder()), APART)
    run.advance(1_000)

    assert run.cancel(1, 1_000) == Cancellation.DONE
    weigh(run)
    run.run()

    assert statuses(run) == [COMPLETED, CLIENT_LEFT, COMPLETED]
    assert run.state.encoding.requests.encoded_us.tolist()[2] == 2 * PASS_US


def test_a_router_forgets_prompts_whose_encoder_has_died() -> None:
    mapping: dict[str, Any] = {
        "cluster": {
            "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1000, 0, 0]}, "kv_blocks": 1000,
            "instances": [{"count": 1}, {"count": 1, "role": "encode"}],
            "encoder": {"us_per_token": 10, "embedding_bytes_per_token": 8192},
            "failures": [{"at_s": 0.001, "instance": 1, "requests": "retry"}],
        },
        "policies": {"routing": "sticky-until-saturated", "encoding": "always-multimodal"},
        "workload": {"kind": "distribution", "num_requests": 1},
    }  # fmt: skip
    run = Simulation(requests([0]), prepare(Scenario.from_mapping(mapping)))
    run.advance(1_000)
    assert statuses(run) == [ENCODING]
    assert run.state.prompts.sum() > 0

    assert statuses(run.run()) == [COMPLETED]
    assert run.state.requests.queued_us.tolist() == [1_000]  # sent again when the encoder died
    assert run.state.prompts.sum() == 0


TRANSFER = {"base_latency_us": 500_000}


def _one_from_one_second_on(view: Any, params: Any, memory: Any, wanted: Any) -> None:
    """One instance that computes from then on, and as many as there are before."""
    if view.clock_us >= 1_000_000:
        wanted[0] = 1


@pytest.mark.parametrize("pass_us", [1_600_000, 900_000], ids=["in a pass", "embeddings move"])
def test_who_drains_hands_back_those_whose_media_are_encoded_for_it(pass_us: int) -> None:
    mapping: dict[str, Any] = {
        "cluster": {
            "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1000, 0, 0]}, "kv_blocks": 1000,
            "instances": [{"count": 2}, {"count": 2, "role": "encode"}],
            "encoder": {"us_per_token": pass_us / 400, "embedding_bytes_per_token": 8192, "transfer": TRANSFER},
            "autoscaling": {"minimum": [1, 2], "maximum": [2, 2], "tick_s": 1, "load_s": 0, "drain": "hand-back"},
        },
        "policies": {"routing": "least-loaded", "encoding": "always-multimodal", "scaling": _one_from_one_second_on},
        "workload": {"kind": "distribution", "num_requests": 1},
    }  # fmt: skip
    run = Simulation(requests([0, 1]), prepare(Scenario.from_mapping(mapping)))
    run.advance(1_000_000)
    assert sorted(run.state.requests.instance.tolist()) == [0, 1]

    run.advance(1_000_001)
    weigh(run)

    # One of two instances goes at one second, and its request is sent on at once, to be encoded again for the other.
    assert run.state.requests.instance.tolist() == [0, 0]
    assert run.state.instances.taken_away_requests.tolist()[1] == 1
    assert statuses(run.run()) == [COMPLETED, COMPLETED]
    weigh(run)
    for name in EMPTY_AT_THE_END:
        assert not run.state.instances[name].any(), name
