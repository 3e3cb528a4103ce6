"""Fits simulated servers with known coefficients, and prints how far the learned ones are off.

python -m experiments.recovery [seed ...] [noise=0.05]
"""

import sys
import tempfile
import time
from pathlib import Path

from blis.fitting.fitting import Fit, fit
from blis.fitting.settings import fit_settings
from blis.scenario import Scenario
from experiments.recovery.traces import ALPHA_US, BETA_US, CLUSTER, write_trace

NAMES = ("request_us", "request_us_per_token", "output_token_us", "step_us", "prompt_token_us", "decode_us")
#: Where the fit starts: the published coefficients of Llama 3.1 8B on two H100, rounded.
START = {"kind": "affine", "alpha_us": [1600.0, 3.5, 1800.0], "beta_us": [6900.0, 17.7, 2.8]}


def main(arguments: list[str]) -> None:
    """Print a row per seed."""
    noises = [float(one.removeprefix("noise=")) for one in arguments if one.startswith("noise=")] or [0.0, 0.05]
    seeds = [int(one) for one in arguments if one.isdigit()] or [1, 2, 3]
    print("noise seed", *NAMES, "simulations seconds held-out-ttft,tpot,e2e-%", flush=True)
    for noise in noises:
        for seed in seeds:
            started = time.perf_counter()
            found = recovered(seed, noise)
            print(noise, seed, *_row(found), f"{time.perf_counter() - started:.0f}", *_errors(found), flush=True)


def recovered(seed: int, noise: float) -> Fit:
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
        return fit(fit_settings({"real": list(map(str, runs)), "hold_out": 0.1}), scenario)


def _row(found: Fit) -> list[str]:
    """How far each coefficient is off, and whether its interval holds the true one."""
    row = []
    for name, true in zip(NAMES, (*ALPHA_US, *BETA_US), strict=True):
        sure = found.certainty.sure[name]
        inside = "" if sure.low <= true <= sure.high else "!"
        row.append(f"{100 * (sure.value / true - 1):+.2f}%{inside}")
    return [*row, str(found.n_simulations)]


def _errors(found: Fit) -> list[str]:
    return [f"{100 * (one.fitted or 0):.2f}" for one in found.judgement.held_out.values()]


if __name__ == "__main__":
    main(sys.argv[1:])
