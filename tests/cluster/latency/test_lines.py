"""Whoever draws lines of prices draws those of its own `step_time`, up to every bend and past the last one."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.catalog import read_device, read_model
from blis.cluster.latency import affine, roofline, silicon, trained_physics
from blis.cluster.steps.file import read_table
from blis.cluster.steps.shipped import shipped
from blis.cluster.steps.table import CONTEXT_OCTAVES
from blis.engine.batch_sums import BatchSums
from blis.engine.line import certain_us
from blis.foundation.answers import answer, choices
from blis.foundation.units import Float64Vector

SHAPES = ("meta-llama/llama-3.1-8b-instruct", "qwen/qwen3-30b-a3b", "openai/gpt-oss-20b")
DRAWING = tuple(name for name in choices("latency") if hasattr(answer("latency", name), "decode_line"))


def prices(kind: str) -> Iterator[Float64Vector]:
    """Coefficients of all sorts of deployments."""
    if kind == "affine":
        for beta_us in ((100.0, 10.0, 5.0), (6910.42, 17.67, 2.8377), (0.0, 0.1, 0.1)):
            yield affine.prepare(affine.Params((0.0, 0.0, 0.0), beta_us), None, None, 1).coefficients
    if kind == "silicon":
        for place, path in enumerate(shipped().values()):
            yield silicon.coefficients(read_table(path), scale=(1.0, 0.37, 1.9)[place % 3], step_us=20.0 * place)
        for ranks in (3.0, 16.0):
            shared = silicon.coefficients(read_table(next(iter(shipped().values()))))
            shared[silicon.RANKS] = ranks
            yield shared
    for shape in SHAPES:
        for device in ("H100", "L40S"):
            if kind == "roofline":
                yield roofline.prepare(roofline.Params(), read_model(shape), read_device(device), 1).coefficients
                slow = roofline.Params(mfu_decode=0.002)  # arithmetic counts
                yield roofline.prepare(slow, read_model(shape), read_device(device), 2).coefficients
            if kind == "trained-physics":
                for beta in (
                    trained_physics.BETA,
                    (0.1, 0.4, 1.0, 1.0, 1.0, 1.0, 1.0),
                    (0.1, 9.0, 1, 1, 1, 1, 1, 1, 0.5),
                ):
                    params = trained_physics.Params(beta=beta)
                    yield trained_physics.prepare(params, read_model(shape), read_device(device), 2).coefficients


@cache
def all_prices(kind: str) -> tuple[Float64Vector, ...]:
    return tuple(prices(kind))


@cache
def both(kind: str, is_compiled: bool) -> tuple[Any, Any]:
    module = answer("latency", kind)
    functions = (module.decode_line, module.step_time)
    return tuple(map(numba.njit, functions)) if is_compiled else functions  # type: ignore[return-value]


def test_every_latency_model_that_draws_lines_is_looked_at() -> None:
    assert all(all_prices(kind) for kind in DRAWING)


# Contexts of few tokens a request, up to more than the tables hold.
DECODES = st.one_of(st.integers(1, 40), st.integers(1, 10_000))
CONTEXTS = st.floats(0, CONTEXT_OCTAVES + 4).map(lambda octaves: int(2**octaves))


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize("kind", DRAWING)
def test_every_price_on_a_line_is_that_of_its_step(kind: str, is_compiled: bool) -> None:
    decode_line, step_time = both(kind, is_compiled)

    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(st.sampled_from(all_prices(kind)), DECODES, CONTEXTS, st.lists(st.floats(0, 1), max_size=4))
    def agree(coefficients: Float64Vector, decodes: int, context: int, shares: list[float]) -> None:
        line = decode_line(decodes, context, coefficients)
        assert line.first_context <= context <= line.last_context
        first, last = line.first_context, min(line.last_context, context + 2**26)
        between = [first + int(share * (last - first)) for share in shares]
        for at in (context, first, last, max(first, last - 1), *between):
            step_us = step_time(BatchSums(0, 0, 0, 0, 0, decodes, at), coefficients)
            assert certain_us(line.time_us + line.per_token_us * (at - first)) in (0, step_us)

    agree()


@pytest.mark.parametrize("kind", DRAWING)
def test_hardly_any_step_must_be_asked_for(kind: str) -> None:
    decode_line, step_time = both(kind, True)
    random, unsure, count = np.random.default_rng(5), 0, 0
    for coefficients in all_prices(kind):
        for _ in range(200):
            decodes, context = int(2 ** random.uniform(0, 9)), int(2 ** random.uniform(5, 22))
            line = decode_line(decodes, context, coefficients)
            at = min(line.last_context, context + int(random.integers(0, 4096)) * decodes)
            step_us = step_time(BatchSums(0, 0, 0, 0, 0, decodes, at), coefficients)
            unsure += certain_us(line.time_us + line.per_token_us * (at - line.first_context)) == 0 and step_us > 1
            count += 1
    # Whole bytes at a round bandwidth: of one device in six, every 3375th price of the roofline is a whole number.
    assert unsure <= 0.005 * count


@pytest.mark.parametrize("kind", DRAWING)
def test_a_line_lasts(kind: str) -> None:
    """A request of 512 tokens that writes 512 more meets a bend at most five times."""
    decode_line, _ = both(kind, True)
    for coefficients in all_prices(kind):
        for decodes in (1, 7, 64, 200):
            context, bends = 512 * decodes, -1
            while context < 1024 * decodes:
                context = decode_line(decodes, context, coefficients).last_context + 1
                bends += 1
            assert bends <= 5
