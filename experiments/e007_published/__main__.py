"""`python -m experiments.e007_published [seeds=4] [members=4] [num_requests=2000]`: what others have published.

Two claims of routers that production runs, each simulated on members of the families that come nearest to the traffic
of the claim, on the same requests: figures of the one policy over those of the other, as geometric means.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from blis.families.named import read_named
from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from blis.result import simulate
from blis.scenario import Scenario
from experiments.assignments import as_number, read_assignments

DEFAULTS = {"seeds": "4", "members": "4", "num_requests": "2000"}
FIRST_MEMBER, FIRST_SEED = 4_001, 900_001

Figures = Mapping[str, float]


class Claim(NamedTuple):
    """One policy against others, and what is looked at."""

    title: str
    ours: Mapping[str, Any]
    theirs: Mapping[str, Mapping[str, Any]]
    places: Mapping[str, Sequence[float]]  #: family -> loads as factors of what a member's cluster can carry
    read: Callable[[Mapping[str, Any]], Figures]


def latencies(metrics: Mapping[str, Any]) -> Figures:
    """Of everybody."""
    return {"TTFT mean": metrics["ttft_mean_ms"], "time per output token": metrics["request_itl_mean_ms"]}


def protection(metrics: Mapping[str, Any]) -> Figures:
    """Of those who may not be refused, and what it costs."""
    (critical,) = (one for one in metrics["classes"] if one["slo_class"] == "critical")
    return {
        "critical TTFT mean": critical["ttft_mean_ms"],
        "critical TTFT p90": critical["ttft_p90_ms"],
        "critical E2E mean": critical["e2e_mean_ms"],
        "refused, points": metrics["rejection_ratio"],
        "throughput": metrics["responses_per_sec"],
    }


def weighted(**weights: float) -> dict[str, Any]:
    """Routing by these scorers, whose names have hyphens in the place of underscores."""
    scorers = {name.replace("_", "-"): weight for name, weight in weights.items()}
    return {"routing": {"policy": "weighted", "scorers": scorers}}


_LLM_D = weighted(prefix_affinity=3, queue_depth=2, kv_utilization=2)
CLAIMS = (
    Claim(
        "LMetric against weights",
        {"routing": {"policy": "lmetric"}},
        {"vLLM's own balancer": weighted(vllm_dp=1), "llm-d 3:2:2": _LLM_D},
        {"chat": (0.7, 0.9, 1.05), "agents": (0.7, 0.9, 1.05), "retrieval": (0.7, 0.9, 1.05)},
        latencies,
    ),
    Claim(
        "Probabilistic admission against a hard cut",
        {"admission": {"policy": "probabilistic"}, **_LLM_D},
        {"hard cut": {"admission": {"policy": "saturation-shed"}, **_LLM_D}},
        {"tiers": (0.9, 1.1, 1.3)},
        protection,
    ),
)


def main(words: Sequence[str]) -> int:
    """Simulate and print the tables; 2 if the command line is wrong."""
    try:
        given = {**DEFAULTS, **read_assignments(words, DEFAULTS)}
        sizes = {name: check_int(name, as_number(value), 1) for name, value in given.items()}
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for claim in CLAIMS:
        print("\n".join(lines(claim, sizes)), flush=True)
    return 0


def lines(claim: Claim, sizes: Mapping[str, int]) -> list[str]:
    """A table of the claim's figures: changes in percent, of shares in points."""
    text: list[str] = []
    for family, loads in claim.places.items():
        for load in loads:
            runs = {
                name: [claim.read(one) for one in figures(family, load, policies, sizes)]
                for name, policies in {"": claim.ours, **claim.theirs}.items()
            }
            names = list(runs[""][0])
            if not text:
                text = [f"### {claim.title}", "", f"| where | load | against | {' | '.join(names)} |"]
                text.append("|---" * (3 + len(names)) + "|")
            for rival in claim.theirs:
                cells = [change(name, runs[""], runs[rival]) for name in names]
                text.append(f"| {family} | {load:g} | {rival} | {' | '.join(cells)} |")
    return [*text, ""]


def figures(family: str, load: float, policies: Mapping[str, Any], sizes: Mapping[str, int]) -> list[Mapping[str, Any]]:
    """The metrics of every run of a policy."""
    found = []
    for member in range(sizes["members"]):
        mapping = read_named(f"{family}#{FIRST_MEMBER + member}").mapping(load, sizes["num_requests"], None)
        for seed in range(sizes["seeds"]):
            scenario = Scenario.from_mapping({**mapping, "seed": FIRST_SEED + seed, "policies": policies})
            found.append(simulate(scenario).metrics())
    return found


def change(name: str, ours: Sequence[Figures], theirs: Sequence[Figures]) -> str:
    """Of latencies and rates the geometric mean of the ratios, of shares the mean difference."""
    pairs = [(one[name], other[name]) for one, other in zip(ours, theirs, strict=True)]
    if name.endswith("points"):
        return f"{100.0 * float(np.mean([one - other for one, other in pairs])):+.1f}"
    return f"{100.0 * math.expm1(float(np.mean([math.log(one / other) for one, other in pairs]))):+.0f} %"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
