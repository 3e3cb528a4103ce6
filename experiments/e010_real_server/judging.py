"""Judges the simulator on recorded levels: as the data sheet says, and with prices learnt from the training alone."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from blis.calibrating.reading import read_measured
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from experiments.e010_real_server.levels import HELD_OUT, REPEAT, TRAIN, Level, named
from experiments.e010_real_server.recording import trace_of

TTFT, TPOT, E2E = METRICS = ("ttft", "tpot", "e2e")  #: as blis.calibrate names them
ROOT = Path(__file__).parents[2]  #: paths in the scenario begin here
UNFITTED = Path(__file__).with_name("unfitted.yaml")
#: Where the fit begins: 145 MB at 25 GB/s, and 113 MFLOP per token at 0.237 TFLOP/s, as the device's file has them.
START = "cluster.latency={kind: affine, alpha_us: [0, 0, 0], beta_us: [5800, 480, 480]}"


class Judgement(NamedTuple):
    """What was found; each is the JSON of a command."""

    unfitted: dict[str, Any]  #: blis.calibrate on all levels, at the prices of a data sheet
    fit: dict[str, Any]  #: blis.fit on the training
    fitted: dict[str, Any]  #: blis.calibrate on all levels, at the learnt prices
    noise: dict[str, float]  #: metric -> how far the same requests, sent twice, are apart


def judge(traces: Path, folder: Path) -> Judgement:
    """Calibrate, fit, and calibrate again.

    Parameters
    ----------
    traces : Path   of all levels
    folder : Path   for what the commands write

    Raises
    ------
    ConfigError
        If a command ends with another status than 0.
    """
    traces, folder = traces.resolve(), folder.resolve()
    every = [str(trace_of(traces, level)) for role in (TRAIN, REPEAT, HELD_OUT) for level in named(role)]
    learnt, kept = ([str(trace_of(traces, level)) for level in named(role)] for role in (TRAIN, HELD_OUT))
    scenario = f"scenario={UNFITTED}"
    unfitted = command("calibrate", [*every, scenario, f"output.folder={folder / 'unfitted'}"])
    fit = command("fit", [*learnt, f"hold_out=[{','.join(kept)}]", scenario, START, f"output.folder={folder / 'fit'}"])
    learnt_prices = f"cluster.latency={folder / 'fit' / 'latency.yaml'}"
    fitted = command("calibrate", [*every, scenario, learnt_prices, f"output.folder={folder / 'fitted'}"])
    return Judgement(unfitted, fit, fitted, noise(traces))


def command(name: str, words: Sequence[str]) -> dict[str, Any]:
    """What `python -m blis.NAME` prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", f"blis.{name}", *words, "output=json"], stdout=subprocess.PIPE, check=False, cwd=ROOT
    )
    if done.returncode != 0:
        raise ConfigError(f"blis.{name} ended with status {done.returncode}: python -m blis.{name} {' '.join(words)}")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def noise(traces: Path) -> dict[str, float]:
    """Mean relative difference, request by request, of a level and its repetition: nobody predicts better than that.

    Both were the same requests at the same times, so all of it is the server and its machine.
    """
    (again,) = named(REPEAT)
    first = _times(traces, next(level for level in named(TRAIN) if level.seed == again.seed))
    second = _times(traces, again)
    return {name: float(np.mean(np.abs(second[name] / first[name] - 1.0))) for name in METRICS}


def _times(traces: Path, level: Level) -> dict[str, Float64Vector]:
    """Times of a level's requests [µs], in the order of their numbers."""
    (run,) = read_measured(level.name, trace_of(traces, level))
    if not run.is_ok.all():
        raise ConfigError(f"level {level.name!r}: {int((~run.is_ok).sum())} requests failed; record it again.")
    order = np.argsort(np.array([int(number) for number in run.request_id]))
    sent, first, last, tokens = (
        column[order].astype(np.float64) for column in (run.sent_us, run.first_us, run.last_us, run.output_tokens)
    )
    return {TTFT: first - sent, TPOT: (last - first) / np.maximum(tokens - 1.0, 1.0), E2E: last - sent}
