"""Errors, shapes and fits of points whose answers are known."""

import numpy as np
import pytest

from experiments.fidelity.fitting import NO_FIT, fitted, group_of
from experiments.fidelity.judging import Judged, figures, shape_errors
from experiments.fidelity.points import Point


def point(concurrency: int, tpot_ms: float, **changes: object) -> Point:
    values = {
        "id": f"point-{concurrency}-{changes.get('input_tokens', 1024)}",
        "model": "meta-llama/Llama-3.1-70B",
        "system": "h100_sxm",
        "engine": "vllm",
        "version": "0.1",
        "precision": "fp8",
        "weights": "fp8",
        "experts": None,
        "tensor_parallel": 4,
        "expert_parallel": 1,
        "expert_tensor_parallel": 1,
        "data_parallel": 1,
        "concurrency": concurrency,
        "input_tokens": 1024,
        "output_tokens": 1024,
        "ttft_ms": 100.0,
        "tpot_ms": tpot_ms,
        "source": f"db-dump; silicon_concurrency={concurrency}; measured=2026-01-0{1 + concurrency % 9}",
    }
    return Point(**(values | changes))  # type: ignore[arg-type]


def test_errors_are_relative_to_what_was_measured() -> None:
    judged = [Judged(point(4, 10.0), 90.0, 11.0), Judged(point(8, 20.0), 120.0, 19.0)]
    one = figures(judged)
    assert one.tpot_median == pytest.approx(0.075)
    assert one.tpot_bias == pytest.approx(0.025)
    assert one.ttft_median == pytest.approx(0.15)


def test_the_shape_is_the_rise_over_the_smallest_load() -> None:
    """Twice too slow everywhere is a perfect shape; a flat line where 3 times was measured is off by two thirds."""
    measured = {4: 10.0, 8: 15.0, 16: 30.0}
    twice = [Judged(point(load, tpot), 1.0, 2 * tpot) for load, tpot in measured.items()]
    flat = [Judged(point(load, tpot), 1.0, 10.0) for load, tpot in measured.items()]
    assert shape_errors(twice) == pytest.approx([0.0, 0.0])
    assert shape_errors(flat) == pytest.approx([10 / 15 - 1, 10 / 30 - 1])


def test_points_of_other_lengths_have_a_shape_of_their_own() -> None:
    judged = [Judged(point(4, 10.0), 1.0, 10.0), Judged(point(8, 15.0, input_tokens=8192), 1.0, 15.0)]
    assert shape_errors(judged) == []
    assert np.isnan(figures(judged).shape_mean)


def test_a_fit_finds_factor_and_overhead_and_passes_over_a_strange_point() -> None:
    loads = [load for load in range(1, 200) if point(load, 1.0).is_public][:12]
    judged = [Judged(point(load, 1.25 * (5 + load) + 2.0), 1.0, 5.0 + load) for load in loads]
    judged[3] = Judged(point(loads[3], 500.0), 1.0, 5.0 + loads[3])
    (fit,) = fitted(judged).values()
    assert fit.factor == pytest.approx(1.25)
    assert fit.step_us == pytest.approx(2000.0)


def test_what_judges_is_never_fitted_on() -> None:
    loads = [load for load in range(1, 200) if not point(load, 1.0).is_public][:12]
    assert fitted([Judged(point(load, 50.0), 1.0, 5.0) for load in loads]) == {}


def test_a_fit_never_makes_steps_cheaper_by_an_overhead_below_zero() -> None:
    loads = [load for load in range(1, 200) if point(load, 1.0).is_public][:12]
    fit = fitted([Judged(point(load, 2.0 * load - 0.9), 1.0, float(load)) for load in loads])[group_of(point(1, 1.0))]
    assert fit.step_us >= 0
    assert fit != NO_FIT


def test_widths_that_stand_for_themselves_twice_are_read_once() -> None:
    squared = point(4, 1.0, tensor_parallel=4, data_parallel=4, expert_parallel=16)
    plain = point(4, 1.0, tensor_parallel=2, data_parallel=4, expert_parallel=8)
    assert squared.widths == (4, 4, 1)
    assert plain.widths == (2, 8, 4)
