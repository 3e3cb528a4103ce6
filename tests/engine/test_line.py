"""Lines of prices: what is certain of them, and that a run which follows them is the run that asks for every step."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.catalog import read_device, read_model
from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import LatencyModel, affine, roofline, silicon, trained_physics
from blis.engine.answers import compiled_line
from blis.engine.line import TOLERANCE, certain_us, larger
from blis.engine.state import LOG_ENTRIES
from blis.engine.step_log import step_lengths
from blis.engine.views import TIMES_DECODES
from blis.foundation.answers import answer
from blis.foundation.semantics import semantics
from blis.outcome import outcome
from blis.prepare import PreparedRun, bind_run
from blis.simulate import Simulation
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of
from tests.cluster.steps.small_table import small_table
from tests.laws.test_simulation_is_a_value import assert_same

BLOCK = 16


@settings(deadline=None)
@given(st.integers(1, 2**38), st.floats(0, 1, exclude_max=True), st.floats(-0.99 * TOLERANCE, 0.99 * TOLERANCE))
def test_what_is_certain_holds_for_every_price_within_the_tolerance(whole: int, part: float, error: float) -> None:
    price_us = whole + part
    assert certain_us(price_us * (1 + error)) in (0, int(price_us))


@pytest.mark.parametrize(
    ("price_us", "whole_us"),
    [
        (0.0, 0),
        (0.5, 0),
        (1.5, 1),
        (7000.25, 7000),
        (7000.0, 0),
        (7000 + 1e-9, 0),
        (7001 - 1e-9, 0),
        (2.0**45, 0),
        (1e300, 0),
        (float("inf"), 0),
        (float("nan"), 0),
    ],
)
def test_nothing_is_certain_next_to_a_whole_microsecond_nor_of_prices_without_end(
    price_us: float, whole_us: int
) -> None:
    assert certain_us(price_us) == whole_us


def test_of_two_prices_the_larger_counts_until_the_other_overtakes_it() -> None:
    # 10 + 2 t against 4 + 5 t from token 100 on: equal after two tokens.
    assert larger(100, 10.0, 2.0, 4.0, 5.0) == (100, 102, 10.0, 2.0)
    assert larger(100, 4.0, 5.0, 10.0, 2.0) == (100, 102, 10.0, 2.0)
    assert larger(100, 10.0, 5.0, 4.0, 2.0)[1] > 2**60


def llama(latency: Any, params: Any = None) -> LatencyModel:
    model, device = read_model("meta-llama/llama-3.1-8b-instruct"), read_device("H100")
    return latency.prepare(params or latency.Params(), model, device, 2)  # type: ignore[no-any-return]


def own_table(scale: float) -> LatencyModel:
    """A small table for four ranks of attention."""
    prices = silicon.coefficients(small_table(), scale, 3.7)
    prices[silicon.RANKS] = 4
    return replace(llama(silicon), coefficients=prices)


MODELS = {
    "affine": affine.prepare(affine.Params((50.0, 1.5, 7.0), (100.0, 10.0, 5.0)), None, None, 1),
    "roofline": llama(roofline),
    "silicon": llama(silicon),
    "trained-physics": llama(trained_physics),
}
OTHERS = {
    "four ranks": ("silicon", own_table(1.0)),
    "steps of seconds": ("silicon", own_table(301.7)),
    "the larger of two": (
        "trained-physics",
        llama(trained_physics, trained_physics.Params(beta=(0.1, 0.4, 1, 1, 1, 1, 1))),
    ),
    "not a microsecond": ("affine", affine.prepare(affine.Params((0, 0, 0), (0.0, 0.1, 0.1)), None, None, 1)),
}
CASES = {name: (name, model) for name, model in MODELS.items()} | OTHERS


def random_requests(seed: int) -> Requests:
    """Sixty requests, some long enough for many knots; a third repeats what another has written."""
    draw = np.random.default_rng(seed)
    count = 60
    prompt = draw.integers(1, 3000, count)
    output = np.where(draw.random(count) < 0.2, draw.integers(1500, 6000, count), draw.integers(0, 400, count))
    group = draw.integers(-1, 3, count)
    prefix = np.where(group >= 0, np.minimum(prompt, 200), 0)
    return requests_of(
        arrival_us=np.sort(draw.integers(0, 20_000_000, count)),
        input_tokens=prompt,
        output_tokens=output,
        keys=keys_of_groups(prompt, output, group, prefix, BLOCK),
        block_size_tokens=BLOCK,
        prefix_group=None,
    )


def prepared(case: str, preset: str, kv_blocks: int) -> PreparedRun:
    kind, latency = CASES[case]
    instance = Instance(kv_blocks=kv_blocks, max_running_requests=12, step_token_budget=512, latency=latency)
    return bind_run(Cluster((instance,) * 2, kind, BLOCK), None, semantics(preset))


@pytest.fixture
def without_lines(monkeypatch: pytest.MonkeyPatch) -> Callable[..., PreparedRun]:
    """The same as `prepared`, with a latency model that draws no lines."""

    def prepare(case: str, *limits: Any) -> PreparedRun:
        compiled_line.cache_clear()
        with monkeypatch.context() as changed:
            changed.delattr(answer("latency", CASES[case][0]), "decode_line")
            run = prepared(case, *limits)
        compiled_line.cache_clear()
        return run

    return prepare


def logged(simulation: Simulation) -> Any:
    """The log's entries, instance by instance."""
    log = simulation.state.log
    entries = log.entries[: log.counters[LOG_ENTRIES]]
    return entries[np.argsort(entries.instance, kind="stable")]


@pytest.mark.parametrize("preset", ["corrected", "vllm-0.32", "reference-2026-04"])
@pytest.mark.parametrize("case", CASES)
def test_a_run_along_lines_is_the_run_that_asks_for_every_step(
    case: str, preset: str, without_lines: Callable[..., PreparedRun]
) -> None:
    for seed, kv_blocks in ((1, 4000), (2, 700)):
        runs = [make(case, preset, kv_blocks) for make in (prepared, without_lines)]
        assert runs[0].answers[TIMES_DECODES] != runs[1].answers[TIMES_DECODES]

        along, asked = (Simulation(random_requests(seed), run).run() for run in runs)

        assert_same(outcome(along), outcome(asked))


@pytest.mark.parametrize("case", CASES)
def test_a_run_in_pieces_is_the_run_at_one_go(case: str) -> None:
    whole, pieces = (Simulation(random_requests(3), prepared(case, "vllm-0.32", 4000)) for _ in range(2))

    whole.run()
    for until_us in range(0, 40_000_000, 1_777_777):
        pieces.advance(until_us)
    pieces.run()

    assert_same(outcome(whole), outcome(pieces))
    np.testing.assert_array_equal(logged(whole), logged(pieces))


@pytest.mark.parametrize("case", CASES)
def test_the_log_holds_every_step_in_far_fewer_entries(case: str) -> None:
    run = Simulation(random_requests(4), prepared(case, "corrected", 4000)).run()
    state = run.state
    entries = logged(run)

    lengths, owner = step_lengths(entries), np.repeat(entries.instance, entries.steps)

    assert np.bincount(owner, lengths).astype(int).tolist() == state.instances.step_clock_us.tolist()
    assert np.bincount(owner).tolist() == state.instances.step_number.tolist()
    assert len(entries) < 0.1 * len(lengths)
