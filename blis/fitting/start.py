"""A first guess of affine coefficients, read off the measured times without a simulation."""

from collections.abc import Mapping, Sequence

import numpy as np

from blis.calibrating.measured_run import MeasuredRun
from blis.fitting.load import load_of
from blis.fitting.statistics import measured_log_times
from blis.foundation.units import BoolVector, Float64Vector

#: Share of the time per token that is guessed to pass outside of steps.
_OUTSIDE = 0.05
#: Share of a first token's constant time that is guessed to pass outside of steps, at least.
_LEAST_OUTSIDE = 0.05
#: Share of the requests, those that met the fewest others, whose first tokens are read.
_QUIET = 0.2


def guessed(runs: Sequence[MeasuredRun], counted: Sequence[BoolVector], instances: int) -> dict[str, float] | None:
    """Coefficients of `affine`; None where nothing can be read off.

    The time between tokens is about a step's constant, so much for each request in the batch, and so much for each
    prompt token that is read meanwhile; the time to the first token of a request that met few others is a constant and
    so much per prompt token.
    """
    between, first = _between(runs, counted, instances), _first(runs, counted, instances)
    if between is None or first is None:
        return None
    constant, decode, prompt = between
    step_us = (1 - _OUTSIDE) * constant
    return {
        "request_us": max(first[0] - 1.2 * step_us, _LEAST_OUTSIDE * first[0]),
        "request_us_per_token": max(first[1] - prompt, _LEAST_OUTSIDE * first[1]),
        "output_token_us": _OUTSIDE * constant,
        "step_us": step_us,
        "prompt_token_us": prompt,
        "decode_us": decode,
    }


def _between(
    runs: Sequence[MeasuredRun], counted: Sequence[BoolVector], instances: int
) -> tuple[float, float, float] | None:
    """Constant, per request in the batch, per prompt token."""
    rows, targets = [], []
    for run, ok in zip(runs, counted, strict=True):
        load, times = load_of(run, instances), measured_log_times(run)
        chosen = np.flatnonzero(ok & ~np.isnan(times.between_us))
        weight = 1.0 / times.between_us[chosen].mean() if len(chosen) else 1.0
        table = np.stack([np.ones(len(chosen)), load.batch[chosen], load.prompts_per_token[chosen]], axis=1)
        rows.append(table * weight)
        targets.append(times.between_us[chosen] * weight)
    found = _not_negative(np.concatenate(rows), np.concatenate(targets))
    return None if found is None else (float(found[0]), float(found[1]), float(found[2]))


def _first(runs: Sequence[MeasuredRun], counted: Sequence[BoolVector], instances: int) -> tuple[float, float] | None:
    """Constant and per prompt token."""
    prompts, times_us = [], []
    for run, ok in zip(runs, counted, strict=True):
        load, times = load_of(run, instances), measured_log_times(run)
        chosen = np.flatnonzero(ok & ~np.isnan(times.ttft_us))
        quiet = chosen[np.argsort(load.in_flight[chosen], kind="stable")][: max(20, int(_QUIET * len(chosen)))]
        prompts.append(run.input_tokens[quiet].astype(np.float64))
        times_us.append(times.ttft_us[quiet])
    prompt, time_us = np.concatenate(prompts), np.concatenate(times_us)
    if len(prompt) < 4:
        return None
    fast = np.argsort(time_us / np.median(time_us) - prompt / max(prompt.mean(), 1.0), kind="stable")
    kept = fast[: max(4, len(fast) // 2)]
    found = _not_negative(np.stack([np.ones(len(kept)), prompt[kept]], axis=1), time_us[kept])
    return None if found is None else (float(found[0]), float(found[1]))


def _not_negative(table: Float64Vector, targets: Float64Vector) -> Float64Vector | None:
    """Weights ≥ 0 with the least squares."""
    from scipy.optimize import nnls

    if len(targets) < table.shape[1]:
        return None
    sizes = np.maximum(np.linalg.norm(table, axis=0), 1e-300)
    weights: Float64Vector = nnls(table / sizes, targets)[0] / sizes
    return weights


def shown_start(values: Mapping[str, float]) -> str:
    """Coefficients in one line."""
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
