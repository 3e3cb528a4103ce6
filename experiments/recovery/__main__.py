"""Fits simulated servers with known coefficients, and prints how far the learned ones are off.

python -m experiments.recovery [seed ...] [noise=0.05] [hold_out=0.3]
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
from blis.scenario import Scenario
from experiments.assignments import as_number, read_assignments
from experiments.recovery.traces import ALPHA_US, BETA_US, CLUSTER, write_trace

NAMES = ("request_us", "request_us_per_token", "output_token_us", "step_us", "prompt_token_us", "decode_us")
TRUE_VALUES = dict(zip(NAMES, (*ALPHA_US, *BETA_US), strict=True))
_DEFAULTS = {"noise": "", "hold_out": "0.3"}
#: Where the fit starts: the published coefficients of Llama 3.1 8B on two H100, rounded.
START = {"kind": "affine", "alpha_us": [1600.0, 3.5, 1800.0], "beta_us": [6900.0, 17.7, 2.8]}


def main(arguments: list[str]) -> int:
    """Print a row per noise and seed, and a row per noise of how far off they are together; the exit status."""
    try:
        given = {**_DEFAULTS, **read_assignments([one for one in arguments if not one.isdigit()], _DEFAULTS)}
        noises = [0.0, 0.05] if not given["noise"] else [check_number("noise", as_number(given["noise"]), 0, 1)]
        hold_out = check_number("hold_out", as_number(given["hold_out"]), 0, 0.9)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    seeds = [int(one) for one in arguments if one.isdigit()] or list(range(1, 9))
    print("noise seed", *NAMES, "simulations seconds held-out-ttft,tpot,e2e-%", flush=True)
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
        at = Path(folder)
        runs = [
            write_trace(at / "idle.yaml", 0.5, 250, seed=10 * seed + 1, noise=noise),
            write_trace(at / "middle.yaml", 12, 500, seed=10 * seed + 2, noise=noise),
            write_trace(at / "decodes.yaml", 200, 500, seed=10 * seed + 3, noise=noise, prompt=100, output=200),
            write_trace(at / "reads.yaml", 60, 300, seed=10 * seed + 4, noise=noise, prompt=1500, output=8),
        ]
        cluster = {**CLUSTER, "latency": START}
        scenario = Scenario.from_mapping({"cluster": cluster, "workload": {"kind": "distribution"}})
        return fit(fit_settings({"real": list(map(str, runs)), "hold_out": hold_out}), scenario)


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
