"""Pools of prompts and of decodes grow and shrink by what each has to do."""

import numpy as np
import pytest

from blis.engine.codes import DECIDED
from tests.engine.fleet_cases import requests_at, run, scenario

N, RATE_PER_S = 2000, 20


@pytest.mark.parametrize(
    ("input_tokens", "output_tokens", "expected"),
    [
        (1000, 50, [3, 1]),  # 20 a second, 0.1 s each to compute; a decode costs 50 of 64 steps of 4.2 ms: 3 ms
        (16, 2000, [1, 3]),  # 2 ms to compute; 2000 / 64 steps: 0.13 s
        (1000, 2000, [3, 3]),
    ],
)
def test_the_planner_gives_each_pool_what_its_part_of_the_requests_needs(
    input_tokens: int, output_tokens: int, expected: list[int]
) -> None:
    made = scenario(
        instances=[{"count": 2, "role": "prefill"}, {"count": 2, "role": "decode"}],  # type: ignore[arg-type]
        latency={"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1000, 100, 50]},
        kv_blocks=20_000,
        max_running_requests=64,
        model="meta-llama/llama-3.1-8b-instruct",
        disaggregation={},
        autoscaling={"maximum": 4, "tick_s": 5, "load_s": 5},
        policies={"disaggregation": "always", "scaling": {"policy": "planner", "interval_s": 30}},
        horizon_us=90_000_000,
    )
    arriving = requests_at((np.arange(N) / RATE_PER_S).tolist(), output_tokens, input_tokens)

    events = run(made, arriving).outcome.fleet_events

    decided = events[events.kind == DECIDED]
    assert [int(decided.amount[decided.pool == pool][-1]) for pool in (0, 1)] == expected
