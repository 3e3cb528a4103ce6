"""What routers keep and expect, by the published formulas of those who score by it."""

from typing import Any

import numpy as np
import pytest

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.engine._jit import plain
from blis.engine.views import RequestView, RouterView
from blis.foundation.answers import answer
from blis.foundation.slo_targets import NO_TARGET_US
from blis.policies.needs import COSTLY_SIGNALS
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.labels import Labels
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of
from tests.contracts.test_answers import REQUEST, router_view

PROMPT = REQUEST._replace(input_tokens=160)  # 10 blocks of 16
LATENCY = affine.prepare(affine.Params(alpha_us=(50.0, 1.0, 7.0), beta_us=(100.0, 10.0, 5.0)), None, None, 1)


def scores(name: str, request: RequestView = PROMPT, n: int = 3, **signals: Any) -> list[float]:
    """What a scorer thinks of instances; signals that are not named are zero."""
    zero = {name: np.zeros(n, int) for name in ("sent_tokens", "affinity_blocks", "in_flight_requests")}
    given = {key: np.array(value) if isinstance(value, list) else value for key, value in signals.items()}
    out = np.zeros(n)
    plain(answer("scoring", name).score)(router_view(n, 0)._replace(**(zero | given)), request, out)
    return out.tolist()


def test_token_load_is_what_was_sent_and_what_is_new_over_four_mebitokens() -> None:
    found = scores("token-load", sent_tokens=[0, 2_097_152 - 160, 5_000_000], affinity_blocks=[10, 0, 0])

    assert found == [1.0, 0.5, 0.0]


def test_session_affinity_knows_one_home_or_none() -> None:
    assert scores("session-affinity", session_instance=1) == [0.0, 1.0, 0.0]
    assert scores("session-affinity", session_instance=-1) == [0.0, 0.0, 0.0]


def test_predicted_latency_weighs_ttft_four_times_as_much_as_itl() -> None:
    found = scores("predicted-latency", expected_ttft_us=[100.0, 200.0, 300.0], expected_itl_us=[30.0, 10.0, 20.0])

    assert found == pytest.approx([0.8, 0.8 * 0.5 + 0.2, 0.2 * 0.5])


def test_what_is_expected_alike_everywhere_has_no_say() -> None:
    assert scores("predicted-latency", expected_ttft_us=[9.0] * 3, expected_itl_us=[30.0, 10.0, 20.0]) == [0, 1, 0.5]
    assert scores("predicted-latency", expected_ttft_us=[9.0] * 3, expected_itl_us=[5.0] * 3) == [1, 1, 1]


def slack(
    ttft_us: list[float],
    itl_us: list[float],
    in_flight: tuple[int, ...] = (1, 1, 1),
    targets: tuple[int, int] = (100, 10),
) -> list[float]:
    return scores(
        "latency-slack",
        PROMPT._replace(ttft_target_us=targets[0], itl_target_us=targets[1]),
        n=len(ttft_us),
        expected_ttft_us=ttft_us,
        expected_itl_us=itl_us,
        in_flight_requests=list(in_flight),
    )


def test_the_least_headroom_that_is_left_is_preferred() -> None:
    # head-rooms 90, 50, 10 and 5, 5, 5: only TTFT differs; 0, a half and all of the range
    assert slack([10.0, 50.0, 90.0], [5.0, 5.0, 5.0]) == [0.01, 0.51, 1.0]


def test_who_keeps_both_targets_comes_before_everybody_else() -> None:
    assert slack([10.0, 101.0, 10.0], [5.0, 5.0, 11.0], in_flight=(1, 0, 1)) == [0.51, 0.0, 0.0]


def test_where_nobody_does_an_idle_instance_comes_first_then_who_misses_the_itl_alone() -> None:
    assert slack([200.0, 300.0, 10.0], [5.0, 5.0, 11.0], in_flight=(1, 0, 1)) == [0.0, 0.51, 0.0]
    assert slack([200.0, 300.0, 10.0], [5.0, 5.0, 11.0]) == [0.0, 0.0, 0.51]
    assert slack([200.0, 300.0, 110.0], [5.0, 5.0, 11.0]) == [1.0, 0.01, 0.0]  # TTFT alone: misses 100 and 200


def test_a_class_that_is_not_streamed_has_no_say_in_itl() -> None:
    assert slack([10.0, 50.0, 90.0], [5.0, 900.0, 5.0], targets=(100, NO_TARGET_US)) == [0.01, 0.51, 1.0]


def test_without_targets_the_quickest_is_preferred() -> None:
    assert slack([10.0, 50.0, 90.0], [5.0, 5.0, 5.0], targets=(NO_TARGET_US, NO_TARGET_US)) == [1.0, 0.51, 0.01]


def conversation(n: int = 4, block: int = 4) -> Requests:
    """Requests of 20 tokens 1 ms apart, of which 12 are one prefix; the first and the third are of a session."""
    tokens = np.full(n, 20)
    return requests_of(
        arrival_us=1_000 * np.arange(n),
        input_tokens=tokens,
        output_tokens=np.full(n, 3),
        keys=keys_of_groups(tokens, np.full(n, 3), np.zeros(n, int), np.full(n, 12), block),
        block_size_tokens=block,
        slo_class=Labels(np.array([0, 1, 0, 1][:n], np.int32), ("standard", "batch")),
        session=Labels(np.array([0, -1, 0, -1][:n], np.int32), ("chat",)),
    )


class Watching:
    """A router of Python's that writes down what it sees, and sends requests where it is told."""

    def __init__(self, targets: list[int]) -> None:
        self.targets = iter(targets)
        self.seen: list[RouterView] = []

    def __call__(self, view: RouterView, request: RequestView, params: Any, memory: Any, scores: Any) -> int:
        self.seen.append(type(view)(*(part.copy() if isinstance(part, np.ndarray) else part for part in view)))
        return next(self.targets)


def watched(targets: list[int], **limits: Any) -> list[RouterView]:
    """What a router sees at each of its decisions."""
    one = Instance(kv_blocks=100, max_running_requests=8, step_token_budget=64, latency=LATENCY, **limits)
    router = Watching(targets)
    Simulation(conversation(len(targets)), bind_run(Cluster((one, one), "affine", 4), {"routing": router})).run()
    return router.seen


def test_a_prompt_counts_from_its_routing_to_its_first_token() -> None:
    # Queueing takes 50 + 20 µs, the step of the first token 100 + 20 * 10.
    at_once = watched([0], async_scheduling=False)
    later = watched([0, 0], async_scheduling=False)

    assert at_once[0].sent_tokens.tolist() == [0, 0]
    assert later[1].sent_tokens.tolist() == [0, 0]  # a millisecond later it has been answered


@pytest.mark.parametrize(("is_ahead", "left"), [(False, 0), (True, 20)])
def test_the_router_hears_of_first_tokens_when_the_engine_tells_everybody(is_ahead: bool, left: int) -> None:
    one = Instance(100, 8, 64, LATENCY, async_scheduling=is_ahead)
    run = Simulation(conversation(1), bind_run(Cluster((one, one), "affine", 4), {"routing": Watching([0])}))

    run.advance(71)  # the step, which ends at 370 µs, has been composed

    assert run.state.prompts[0, 0, 0] == left
    assert run.state.prompts[0, 0, 1:].sum() == (left > 0)
    run.advance(371)
    assert not run.state.prompts.any()


def test_what_was_sent_before_is_not_sent_again() -> None:
    one = Instance(100, 8, 2, LATENCY)  # steps of two tokens: nobody is answered within the time
    requests = conversation(2)
    run = Simulation(requests, bind_run(Cluster((one, one), "affine", 4), {"routing": Watching([0, 0])}))

    run.advance(1_001)

    assert run.state.requests.sent_tokens.tolist() == [20, 20 - 12]
    assert run.state.prompts[0, 0].tolist()[0] == 28


def test_sessions_are_remembered() -> None:
    assert [one.session_instance for one in watched([1, 0, 0, 0])] == [-1, -1, 1, -1]


def test_an_idle_instance_is_expected_to_queue_and_compute_what_it_was_not_sent() -> None:
    first, second = watched([0, 1], async_scheduling=False)[:2]

    # 50 + 20 queueing, 100 + 20 * 10 for the prompt, 7 for the token; ITL 100 + 5, and 7
    assert first.expected_ttft_us.tolist() == [377.0, 377.0]
    assert first.expected_itl_us.tolist() == [112.0, 112.0]
    assert second.expected_ttft_us.tolist() == [377.0 - 120.0, 377.0]  # 12 tokens went to the first before


def test_nothing_is_kept_that_nobody_asks_for() -> None:
    one = Instance(100, 8, 64, LATENCY)
    run = Simulation(conversation(), bind_run(Cluster((one, one), "affine", 4), {"routing": "least-loaded"})).run()

    assert (run.state.sessions == -1).all()
    assert not run.state.prompts.any()
    assert (run.state.requests.sent_tokens == -1).all()
    assert bind_run(Cluster((one,), "affine", 4), {"routing": Watching([])}).policies["routing"].needs == COSTLY_SIGNALS
