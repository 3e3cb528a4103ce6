"""Invent a case: a function of the seed and its number, so that any case can be had again without the others."""

from __future__ import annotations

from random import Random
from typing import Any

from experiments.fuzz.case import Case
from experiments.fuzz.draw_cluster import draw_batch_rules, draw_cluster, draw_drafts, fit_blocks
from experiments.fuzz.draw_fleet import draw_adapters, draw_fleet, draw_gateway
from experiments.fuzz.draw_memory import draw_eviction, draw_swap, draw_tiers
from experiments.fuzz.draw_patience import draw_patience, draw_retries
from experiments.fuzz.draw_policies import draw_policies
from experiments.fuzz.draw_roles import draw_division, draw_encoders
from experiments.fuzz.draw_workload import draw_rows, draw_targets, draw_workload

SEMANTICS = ("corrected",) * 4 + ("vllm-0.32",) * 4 + ("reference-2026-04",) * 2 + ("reference-2026-02",)
#: Requests of a case, by mode: without compiled kernels a request costs a thousand times as much.
MOST_REQUESTS = {"compiled": (12, 40, 40, 60, 120), "bounds": (12, 40, 60), "python": (4, 8, 12)}


def draw_case(seed: int, number: int, mode: str) -> Case:
    """The case of that number; only its size depends on the mode."""
    random = Random(f"{seed}/{number}")
    most = random.choice(MOST_REQUESTS[mode])
    block_size = random.choice((1, 1, 2, 3, 4, 4, 5, 8, 16, 32))
    # Half of the cases are short of memory: few instances, large batches, requests that come together and stay.
    is_pressed = random.random() < 0.5
    cluster = draw_cluster(random, block_size, is_pressed)
    pace_us = cluster.pop("pace_us")
    rows, workload = None, None
    if random.random() < 0.55:
        rows = draw_rows(random, block_size, random.randint(1, most), pace_us, is_pressed)
        longest = max(row["input_tokens"] + row["output_tokens"] for row in rows)
    else:
        workload, longest = draw_workload(random, random.randint(1, most), pace_us, is_pressed)
    fit_blocks(random, cluster, longest, is_pressed)
    semantics = random.choice(SEMANTICS)
    draw_batch_rules(random, cluster, may_be_ahead=not semantics.startswith("reference"))
    if not semantics.startswith("reference"):
        draw_drafts(Random(f"{seed}/{number}/drafts"), cluster)
    scenario: dict[str, Any] = {
        "cluster": cluster,
        "policies": draw_policies(random, is_pressed),
        "semantics": semantics,
        "seed": random.randint(0, 2**32),
    }
    if workload is not None:
        scenario["workload"] = workload
    if random.random() < 0.4:
        scenario["slo"] = draw_targets(random, pace_us)
    own = f"{seed}/{number}"
    draw_gateway(Random(f"{own}/gateway"), scenario, pace_us)
    draw_adapters(Random(f"{own}/adapters"), scenario, rows, pace_us)
    if not semantics.startswith("reference"):
        draw_swap(Random(f"{own}/swap"), scenario, pace_us)
        draw_tiers(Random(f"{own}/tiers"), scenario, pace_us)
        draw_division(Random(f"{own}/division"), scenario, pace_us)
        draw_encoders(Random(f"{own}/encoders"), scenario, rows, pace_us)
        draw_eviction(Random(f"{own}/eviction"), scenario)
    draw_patience(Random(f"{own}/patience"), scenario, pace_us)
    draw_retries(Random(f"{own}/retries"), scenario, pace_us)
    draw_fleet(Random(f"{own}/fleet"), scenario, pace_us)
    # Under the reference's semantics what can never finish is preempted for ever.
    if random.random() < (0.5 if semantics.startswith("reference") else 0.15):
        scenario["horizon_us"] = _horizon_us(random, rows, pace_us)
    return Case(
        scenario=scenario,
        rows=None if rows is None else tuple(rows),
        trace=random.choice(("none", "summary", "decisions", "decisions")),
        choices=random.randint(0, 2**32),
        mode=mode,
        seed=seed,
        number=number,
    )


def _horizon_us(random: Random, rows: list[dict[str, Any]] | None, pace_us: int) -> int:
    if rows is not None and random.random() < 0.3:
        return int(max(1, random.choice(rows)["arrival_us"]))
    few, many = random.randint(1, 10 * pace_us), random.randint(1, 300 * pace_us)
    return random.choice((1, few, many, many, 3000 * pace_us, 3000 * pace_us))
