"""Do long runs, or percentiles over all seeds together, tell more for the same simulated requests?

`python -m experiments.run_length [requests=10000] [against=llm-d-3-2-2] [policy=preble] [seeds=20]` compares a policy
with another on the first member of each family of the test of `suite=families`, by pairs of runs on the same requests:
in so many runs of 2,000 requests, and in as many requests by longer ones. It prints, for each family, the variance of a
mean gain (100 times the logarithm) that so many requests buy, by the default objective and by TTFT p99: of every run by
itself, and of all runs of one length together (by leaving one of them out at a time, the jackknife).
"""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from blis.fitness.ratio import MOST
from blis.foundation.checks import check_choice, check_int
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.units import Float64Vector
from blis.result import simulate
from blis.scenario import Scenario
from evolve.trials.suite import Suite
from experiments.assignments import as_number, read_assignments

SHORT = 2000
FIRST_SEED = 810_001
#: Weight of each figure of the default objectives, and whether more of it is better.
WEIGHTS = {"lateness": -0.4, "promised_time_used": -0.3, "slo_attainment": 0.3}
_DEFAULTS = {"requests": "10000", "against": "llm-d-3-2-2", "policy": "preble", "seeds": "20"}


class Pair(NamedTuple):
    """Two runs on the same requests."""

    log_gain: float  #: by the default objective
    ttft_us: tuple[Float64Vector, Float64Vector]  #: of the policy, of the other; of completed requests


def main(words: Sequence[str]) -> int:
    """Print the table; 2 if the command line is wrong."""
    try:
        given = _DEFAULTS | read_assignments(words, _DEFAULTS)
        baselines = read_yaml(conf_folder() / "baselines" / "default.yaml")
        sides = [baselines[check_choice(key, given[key], baselines)] for key in ("policy", "against")]
        n_requests, n_seeds = (check_int(key, as_number(given[key]), least) for key, least in _LEAST.items())
        if n_requests % SHORT or n_seeds * SHORT % n_requests:
            raise ConfigError(f"requests must be a multiple of {SHORT} that divides seeds * {SHORT}; got {n_requests}.")
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(_head(n_requests)), flush=True)
    rows = [
        _row(short, long, sides, n_requests, n_seeds)
        for short, long in zip(first_members(SHORT), first_members(n_requests), strict=True)
    ]
    print(_line("**mean of the logarithms**", *np.exp(np.log(rows).mean(axis=0))))
    return 0


_LEAST = {"requests": 2 * SHORT, "seeds": 4}


def first_members(n_requests: int) -> list[tuple[str, dict[str, Any]]]:
    """The first member of each family of the test, with so many requests."""
    given = read_yaml(conf_folder() / "suite" / "families.yaml")
    given["test"]["families"] = [{"name": name, "num_requests": n_requests} for name in given["test"]["families"]]
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for one in Suite.from_mapping("suite", given).scenarios["test"]:
        if one.family is not None and one.family not in found:
            found[one.family] = (one.name, one.mapping(n_requests))
    return list(found.values())


def _row(
    short: tuple[str, dict[str, Any]],
    long: tuple[str, dict[str, Any]],
    sides: Sequence[dict[str, Any]],
    n_requests: int,
    n_seeds: int,
) -> list[float]:
    name = short[0]
    n_long = n_seeds * SHORT // n_requests
    values: list[float] = []
    # As many long runs as short ones are simulated, so that their variance is as well known; it is scaled below.
    for mapping, scale in ((short[1], n_seeds), (long[1], n_long)):
        pairs = [_pair(mapping, sides, FIRST_SEED + place) for place in range(n_seeds)]
        each = np.array([np.diff(np.log([np.percentile(side, 99) for side in one.ttft_us]))[0] for one in pairs])
        gains = np.array([one.log_gain for one in pairs])
        values += [1e4 * float(found) / scale for found in (gains.var(ddof=1), each.var(ddof=1), _pooled(pairs))]
    print(_line(name, *values), flush=True)
    return values


def _pair(mapping: dict[str, Any], sides: Sequence[dict[str, Any]], seed: int) -> Pair:
    runs = [simulate(Scenario.from_mapping({**mapping, "policies": side}), seed) for side in sides]
    figures = [one.figures() for one in runs]
    total = 0.0
    for name, weight in WEIGHTS.items():
        ours, theirs = (float(one[name] or 0.0) for one in figures)
        ratio = np.clip(ours / theirs if theirs > 0.0 else 1.0, 1.0 / MOST, MOST)
        total += weight * float(np.log(ratio))
    ours, theirs = (one.outcome.requests.ttft_us for one in runs)
    return Pair(total, (ours[ours >= 0].astype(float), theirs[theirs >= 0].astype(float)))


def _pooled(pairs: Sequence[Pair]) -> float:
    """Variance for one run's share in the percentile of all runs together: the jackknife's, times their number."""
    n = len(pairs)
    left = []
    for out in range(n):
        kept = [pair.ttft_us for place, pair in enumerate(pairs) if place != out]
        tails = [np.percentile(np.concatenate(side), 99) for side in zip(*kept, strict=True)]
        left.append(np.log(tails[1] / tails[0]))
    return float((n - 1) * np.var(left) * n)


def _head(n_requests: int) -> list[str]:
    lengths = (f"{SHORT:,}", f"{n_requests:,}")
    columns = [
        f"{what}, {one}" for one in lengths for what in ("objective", "p99 of each run", "p99 of all runs together")
    ]
    return [f"| variance of the mean gain [points²] | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]


def _line(name: str, *values: float) -> str:
    return f"| {name} | {' | '.join(f'{value:.3g}' for value in values)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
