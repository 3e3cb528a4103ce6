"""What the acceptance of drafts means in numbers: steps of a request alone, the mean, and the law behind it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.cluster.speculative import Speculative
from blis.engine._jit import plain
from blis.engine.drafts import accepted_drafts
from blis.outcome import Outcome, outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from tests.theory.test_closed_forms import requests

LATENCY = affine.prepare(affine.Params(alpha_us=(0.0, 0.0, 0.0), beta_us=(1000.0, 10.0, 5.0)), None, None, 1)


def start(given: Any, drafts: Speculative | None, seed: int = 1, **limits: Any) -> Simulation:
    one = replace(Instance(100_000, 256, 2048, LATENCY, speculative=drafts), **limits)
    return Simulation(given, bind_run(Cluster((one,), "affine", 16)), seed=seed)


def run(given: Any, drafts: Speculative | None, seed: int = 1, **limits: Any) -> Outcome:
    return outcome(start(given, drafts, seed, **limits).run())


@pytest.mark.parametrize("outputs", [1, 2, 3, 17, 100])
@pytest.mark.parametrize("width", [1, 3, 7])
def test_one_request_alone_takes_the_steps_that_its_acceptance_says(outputs: int, width: int) -> None:
    alone = requests([0], 64, outputs)

    def steps(drafts: Speculative | None) -> int:
        return int(run(alone, drafts).instances.steps[0])

    assert steps(None) == outputs
    assert steps(Speculative(width, 0.0)) == outputs
    assert steps(Speculative(width, float(width))) == 1 + -(-(outputs - 1) // (1 + width))


@pytest.mark.parametrize(("width", "mean"), [(1, 0.3), (3, 1.8), (5, 0.5), (7, 6.5)])
def test_progress_approaches_one_and_the_accepted_tokens(width: int, mean: float) -> None:
    result = run(requests(np.arange(200) * 1000, 64, 400), Speculative(width, mean))

    own = result.instances
    decodes = int(own.drafted_decodes[0])
    # Accepted drafts of one decode lie in [0, width], so their deviation is at most width / 2: four of the mean's.
    assert abs(own.accepted_tokens[0] / decodes - mean) < 4 * width / 2 / np.sqrt(decodes)
    # What became of all tokens: one of the prompt's step, one of each decode, the accepted drafts, less those that lie
    # behind the end of an output.
    assert (1 + result.requests.accepted_tokens <= 400).all()
    assert decodes == (400 - 1 - result.requests.accepted_tokens).sum()


def test_accepted_drafts_follow_the_truncated_geometric_law() -> None:
    rate = Speculative(4, 2.0).acceptance_rate

    drawn = np.array([[accepted_drafts(987, number, written, rate, 4) for written in range(1, 101)]
                      for number in range(200)])  # fmt: skip

    for least in range(1, 5):  # a share deviates by at most 0.5 / sqrt(n)
        assert abs(np.mean(drawn >= least) - rate**least) < 4 * 0.5 / np.sqrt(drawn.size)
    # Neither a request nor a place has a law of its own: their means lie as far apart as independent draws do.
    for axis, n in ((0, 200), (1, 100)):
        assert np.std(drawn.mean(axis=axis)) == pytest.approx(np.std(drawn) / np.sqrt(n), rel=0.3)


def test_a_draw_is_the_same_with_and_without_the_compiler() -> None:
    for number in (0, 1, 999_999, 2**31 + 7):
        for written in (1, 2, 5_000_000):
            drawn = accepted_drafts(123_456, number, written, 0.7, 7)
            assert plain(accepted_drafts)(123_456, number, written, 0.7, 7) == drawn


def test_the_rate_gives_the_mean() -> None:
    for width in (1, 2, 7, 64):
        for mean in (0.0, 0.1, 0.5 * width, width - 1e-6, float(width)):
            rate = Speculative(width, mean).acceptance_rate
            assert sum(rate**k for k in range(1, width + 1)) == pytest.approx(mean, abs=1e-9)


def test_the_same_seed_accepts_the_same_drafts_and_another_does_not() -> None:
    given = requests(np.arange(40) * 500, 64, 50)

    one, again, other = (run(given, Speculative(3, 1.5), seed) for seed in (1, 1, 2))

    assert one.requests.accepted_tokens.tobytes() == again.requests.accepted_tokens.tobytes()
    assert one.requests.e2e_us.tobytes() == again.requests.e2e_us.tobytes()
    assert (one.requests.accepted_tokens != other.requests.accepted_tokens).any()


def test_what_is_accepted_does_not_depend_on_what_else_is_served() -> None:
    alone = run(requests([0], 64, 200), Speculative(3, 1.5))
    crowded = run(requests([0] * 60, 64, 200), Speculative(3, 1.5))
    pressed = run(requests([0] * 60, 64, 200), Speculative(3, 1.5), kv_blocks=200)

    assert pressed.instances.preemptions[0] > 0
    # The recomputation of a preempted request gives one token and has no drafts, so its later places are others.
    untouched = pressed.requests.preemptions == 0
    assert crowded.requests.accepted_tokens[0] == alone.requests.accepted_tokens[0]
    np.testing.assert_array_equal(
        pressed.requests.accepted_tokens[untouched], crowded.requests.accepted_tokens[untouched]
    )
