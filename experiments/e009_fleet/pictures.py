"""`python -m experiments.e009_fleet.pictures [OUT.png]`: a panel for each part of a fleet, from shipped scenarios."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blis.families.named import read_named
from blis.result import Result, simulate
from blis.scenario import Scenario

SEED = 42
COLOURS = ("#4c86b8", "#d9603b", "#8fbf6a", "#7d3c98", "#c9a227")
LLM_D = {"policy": "weighted", "scorers": {"prefix-affinity": 3, "queue-depth": 2, "kv-utilization": 2}}
LEAST_LOADED = {"policy": "least-loaded"}

LONG_TOKENS = 16_384

#: What happened to an instance -> by how much it changes the number of those that serve, by the names of the log.
SERVES = {2: 1, 4: -1, 6: -1, 7: 1}  # became warm, began draining, failed, recovered


def run(name: str, policies: Mapping[str, Any], load: float | None = None, **cluster: Any) -> Result:
    """One run of a shipped scenario."""
    mapping: dict[str, Any] = dict(read_named(name).mapping(load, None, None))
    mapping["cluster"] = {**mapping["cluster"], **cluster}
    return simulate(Scenario.from_mapping({**mapping, "seed": SEED, "policies": dict(policies)}))


def attained(result: Result) -> float:
    """Share of requests within SLO [%]."""
    return 100.0 * float(result.metrics()["slo_attainment"])


def gateway(axes: Axes) -> None:
    """Whose requests are kept, of four tenants of whom one floods."""
    held: dict[str, Any] = {"saturation": {"policy": "concurrency", "max_concurrency": 32}}
    for place, (label, policies) in enumerate(
        {
            "sent on at once": {},
            "held, strict": held,
            "held, tenants in turn": {**held, "fairness": {"policy": "round-robin"}},
        }.items()
    ):
        tenants = run("noisy-neighbour", {"routing": LLM_D, **policies}).metrics()["tenants"]
        shares = [100.0 * one["slo_attainment"] for one in tenants]
        axes.bar(np.arange(len(shares)) + 0.27 * (place - 1), shares, 0.25, label=label, color=COLOURS[place])
        axes.set_xticks(range(len(shares)), [one["tenant"].removeprefix("tenant-") for one in tenants])
    axes.set(title="Gateway: a tenant floods the queue", ylabel="within SLO [%]", ylim=(0, 125))


def autoscaling(axes: Axes) -> None:
    """Instances that serve over a day, and what arrives."""
    for place, policy in enumerate(("target-utilization", "queue-depth", "planner")):
        result = run("diurnal-autoscaled", {"routing": LEAST_LOADED, "scaling": {"policy": policy}})
        events = [one for one in result.outcome.fleet_events if int(one["kind"]) in SERVES]
        times = [0.0, *(one["clock_us"] / 6e7 for one in events), result.outcome.end_us / 6e7]
        counts = np.cumsum([3, *(SERVES[int(one["kind"])] for one in events)])
        axes.step(times, [*counts, counts[-1]], where="post", label=policy, color=COLOURS[place], lw=1.3)
        if place == 0:
            arrivals = result.outcome.requests.arrival_us / 6e7
            rate, edges = np.histogram(arrivals, bins=60)
            scaled = rate / (np.diff(edges) * 60)
            axes.fill_between(edges[:-1], scaled, step="post", color="#dfe5ea", label="arrivals [1/s]", zorder=0)
    axes.set(title="Autoscaling: a day of half an hour", xlabel="minutes", ylabel="instances that serve")


def eviction(axes: Axes) -> None:
    """What each policy finds again, of instructions that documents push out."""
    names = ("lru", "fifo", "slru", "tiny-lfu", "arc", "priority")
    rates = [
        100.0 * run("cache-scan", {"routing": LLM_D, "eviction": {"policy": name}}).metrics()["cache_hit_rate"]
        for name in names
    ]
    axes.bar(names, rates, color=COLOURS[0])
    axes.set(title="Eviction: instructions among documents", ylabel="blocks found again [%]")
    axes.tick_params(axis="x", rotation=30)


def tiers(axes: Axes) -> None:
    """How much of what the tiers have is loaded, and whether the router sees them."""
    answers = ("never", "near-only", "break-even", "always")
    for place, (label, routing) in enumerate(
        {
            "by load": LEAST_LOADED,
            "by what the GPUs hold": {"policy": "weighted", "scorers": {"precise-prefix-cache": 3, "queue-depth": 2}},
            "by what all tiers hold": {"policy": "weighted", "scorers": {"tiered-prefix": 3, "queue-depth": 2}},
        }.items()
    ):
        shares = [
            attained(run("agentic-remote-kv", {"routing": routing, "tiering": {"policy": one}})) for one in answers
        ]
        axes.bar(np.arange(len(shares)) + 0.27 * (place - 1), shares, 0.25, label=label, color=COLOURS[place])
    axes.set_xticks(range(len(answers)), answers)
    axes.set(title="KV tiers: agents that come back late", ylabel="within SLO [%]", ylim=(0, 125))


def disaggregation(axes: Axes) -> None:
    """Deciders at growing loads."""
    loads = (0.4, 0.6, 0.8, 0.9, 1.0, 1.1)
    for place, (label, policy) in enumerate(
        {
            "never": {"policy": "never"},
            "always": {"policy": "always"},
            "conditional": {"policy": "conditional", "mode": "isl-or-load"},
            "drift-plus-penalty": {"policy": "drift-plus-penalty"},
        }.items()
    ):
        shares = [
            attained(run("pd-prefill-heavy", {"routing": LEAST_LOADED, "disaggregation": policy}, load))
            for load in loads
        ]
        axes.plot(loads, shares, "o-", label=label, color=COLOURS[place], ms=3, lw=1.3)
    axes.set(title="Prefill and decode apart: long prompts", xlabel="load", ylabel="within SLO [%]")


def adapters(axes: Axes) -> None:
    """Slots for adapters, and whether requests go where their adapter is."""
    slots = (4, 8, 16, 32, 64)
    lora = dict(read_named("adapters").mapping(None, None, None)["cluster"]["lora"])
    near = {"policy": "weighted", "scorers": {"lora-affinity": 3, "queue-depth": 2}}
    for place, (label, routing) in enumerate({"by load": LEAST_LOADED, "by adapters and load": near}.items()):
        shares = [
            attained(run("adapters", {"routing": routing}, lora={**lora, "max_loras": n, "max_cpu_loras": max(24, n)}))
            for n in slots
        ]
        axes.plot(slots, shares, "o-", label=label, color=COLOURS[place], ms=3, lw=1.3)
    axes.set_xscale("log", base=2)
    axes.set_xticks(slots, [str(n) for n in slots])
    axes.set(title="LoRA: 64 adapters on four instances", xlabel="slots of an instance", ylabel="within SLO [%]")


def encoding(axes: Axes) -> None:
    """Gaps between tokens, where pictures are encoded with their prompts and where an instance does nothing else."""
    loads = (0.2, 0.4, 0.6, 0.8, 1.0)
    for place, name in enumerate(("never", "always-multimodal", "queue-threshold")):
        policies = {"routing": LEAST_LOADED, "encoding": {"policy": name}}
        gaps = [run("epd-pictures", policies, load).metrics()["itl_p99_ms"] for load in loads]
        axes.plot(loads, gaps, "o-", label=name, color=COLOURS[place], ms=3, lw=1.3)
    axes.set(title="Encoding apart: albums of pictures", xlabel="load", ylabel="ITL p99 [ms]")


def swapping(axes: Axes) -> None:
    """When the last of 100 long prompts has ended, by how quickly a victim's blocks are copied."""
    llama = {"model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 1}
    memory = {"prefix_caching": False, "kv_blocks": 12 * LONG_TOKENS // 16}
    mapping: dict[str, Any] = {
        "cluster": {"instances": 1, **llama, "latency": {"kind": "silicon"}, **memory},
        "workload": {"kind": "distribution", "rate": 10000, "num_requests": 100, **_lengths(LONG_TOKENS)},
        "policies": {"routing": LEAST_LOADED},
        "seed": SEED,
    }
    anew = _end_s(mapping)
    bandwidths = (4, 8, 16, 32, 64)
    for place, copies in enumerate(("step", "beside")):
        ends = []
        for gb_per_s in bandwidths:
            swap = {"copies": copies, "capacity_gb": 64, "read_gb_per_s": gb_per_s, "write_gb_per_s": gb_per_s}
            policies = {**mapping["policies"], "preemption_mode": "swap"}
            ends.append(_end_s({**mapping, "cluster": {**mapping["cluster"], "swap": swap}, "policies": policies}))
        axes.plot(bandwidths, ends, "o-", label=f"swapped, copies: {copies}", color=COLOURS[place], ms=3, lw=1.3)
    axes.axhline(anew, color=COLOURS[2], lw=1.3, label="computed anew")
    axes.set_xscale("log", base=2)
    axes.set_xticks(bandwidths, [str(one) for one in bandwidths])
    axes.set(
        title="Preemption: prompts of 16,384 tokens", xlabel="GB/s each way", ylabel="until the last has ended [s]"
    )


def _lengths(prompt_tokens: int) -> dict[str, int]:
    """Prompts of one length, and outputs an eighth as long."""
    return {
        f"{side}_tokens_{figure}": 0 if figure == "stdev" else tokens
        for side, tokens in (("prompt", prompt_tokens), ("output", prompt_tokens // 8))
        for figure in ("mean", "stdev", "min", "max")
    }


def _end_s(mapping: Mapping[str, Any]) -> float:
    """When a run has ended."""
    return simulate(Scenario.from_mapping(mapping)).outcome.end_us / 1e6


def failing(axes: Axes) -> None:
    """Who arrives while an instance is dead, and after it."""
    died = read_named("gpu-failure").mapping(None, None, None)["cluster"]["failures"][0]
    axes.axvspan(died["at_s"], died["at_s"] + died["recovers_after_s"], color="#dfe5ea", label="one of four is dead")
    for place, (label, routing) in enumerate({"by load": LEAST_LOADED, "by prefixes and load": LLM_D}.items()):
        requests = run("gpu-failure", {"routing": routing}).outcome.requests
        second = requests.arrival_us // 1_000_000
        late = [np.percentile(requests.ttft_us[second == one], 90) / 1e3 for one in np.unique(second)]
        axes.plot(np.unique(second), late, label=label, color=COLOURS[place], lw=1.3)
    axes.set(title="Failure: what it held begins anew", xlabel="arrival [s]", ylabel="TTFT p90 [ms]")


PANELS: Sequence[Callable[[Axes], None]] = (
    gateway, autoscaling, failing, disaggregation, encoding, adapters, eviction, tiers, swapping,
)  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Draw all panels into one picture."""
    matplotlib.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
    figure = Figure(figsize=(11, 9.4), layout="constrained")
    for axes, draw in zip(figure.subplots(3, 3).flat, PANELS, strict=True):
        draw(axes)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=7)
    target = Path(words[0]) if words else Path("docs/images/fleet.png")
    figure.savefig(target, dpi=110)
    print(f"written: {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
