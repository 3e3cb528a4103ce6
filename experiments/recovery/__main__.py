"""Fits simulated servers with known coefficients, and prints how far the learned ones are off.

python -m experiments.recovery [seed ...] [noise=0.05] [hold_out=0.3] [bound]

`bound` prints instead how near to the truth any estimate can come on average.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from blis.fitting.fitting import Fit, fit
from blis.fitting.settings import fit_settings
from blis.foundation.checks import check_number
from blis.foundation.errors import ConfigError
from experiments.assignments import as_number, read_assignments
from experiments.recovery.bound import bound
from experiments.recovery.traces import START, TRUE_VALUES, scenario, write_traces

_DEFAULTS = {"noise": "", "hold_out": "0.3"}


def main(arguments: list[str]) -> int:
    """Print a row per noise and seed, and a row per noise of how far off they are together; the exit status."""
    try:
        given = {**_DEFAULTS, **read_assignments([one for one in arguments if not one.isdigit()], _DEFAULTS, ["bound"])}
        noises = [0.0, 0.05] if not given["noise"] else [check_number("noise", as_number(given["noise"]), 0, 1)]
        hold_out = check_number("hold_out", as_number(given["hold_out"]), 0, 0.9)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    seeds = [int(one) for one in arguments if one.isdigit()] or list(range(1, 9))
    if "bound" in arguments:
        print("noise seed", *TRUE_VALUES, flush=True)
        for noise in noises:
            for seed in seeds:
                print(noise, seed, *(f"{100 * one:.2f}%" for one in bound(seed, noise, hold_out)), flush=True)
        return 0
    print("noise seed", *TRUE_VALUES, "simulations seconds held-out-ttft,tpot,e2e-%", flush=True)
    for noise in noises:
        off = []
        for seed in seeds:
            started = time.perf_counter()
            found = recovered(seed, noise, hold_out)
            print(noise, seed, *_row(found), f"{time.perf_counter() - started:.0f}", *_errors(found), flush=True)
            off.append([found.certainty.sure[name].value / true - 1 for name, true in TRUE_VALUES.items()])
        print(noise, "rms", *(f"{100 * one:.2f}%" for one in np.sqrt(np.mean(np.square(off), axis=0))), flush=True)
        print(noise, "most", *(f"{100 * one:.2f}%" for one in np.abs(off).max(axis=0)), flush=True)
    return 0


def recovered(seed: int, noise: float, hold_out: float) -> Fit:
    """The fit of an idle server, one in the middle, one full of decodes and one full of prompts."""
    with tempfile.TemporaryDirectory() as folder:
        runs = write_traces(Path(folder), seed, noise)
        return fit(fit_settings({"real": list(map(str, runs)), "hold_out": hold_out}), scenario(START))


def _row(found: Fit) -> list[str]:
    """How far each coefficient is off, and whether its interval holds the true one."""
    row = []
    for name, true in TRUE_VALUES.items():
        sure = found.certainty.sure[name]
        inside = "" if sure.low <= true <= sure.high else "!"
        row.append(f"{100 * (sure.value / true - 1):+.2f}%{inside}")
    return [*row, str(found.n_simulations)]


def _errors(found: Fit) -> list[str]:
    return [f"{100 * (one.fitted or 0):.2f}" for one in found.judgement.held_out.values()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
