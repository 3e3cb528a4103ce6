"""The scorer of llm-d for pools that are meant for prompts of some length."""

import numpy as np
import pytest

from blis.cluster.plan import cluster_plan
from blis.foundation.answers import answer
from blis.foundation.errors import ConfigError
from blis.result import simulate
from blis.scenario import Scenario
from tests.contracts.test_answers import REQUEST, router_view

POOL = {"model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 1, "count": 1}


def test_a_range_scores_by_its_width_and_its_room_and_others_by_their_distance() -> None:
    # llm-d-router 0.9, context-length-aware, by hand for a prompt of 4,000 tokens.
    view = router_view(6, 0)._replace(
        context_low_tokens=np.array([0, 2000, 6000, 0, -1, 4000]),
        context_high_tokens=np.array([10_000, 6000, 9000, 3000, -1, 4000]),
    )
    scores = np.zeros(6)

    answer("scoring", "context-length").score(view, REQUEST._replace(input_tokens=4000), scores)

    wide, narrow = 0.3 + 0.7 * (0.35 + 0.18), 0.3 + 0.7 * (0.5 + 0.15)
    assert scores.tolist() == pytest.approx([wide, narrow, 0.1, 0.15, 0.5, 1.0])


def test_long_prompts_go_to_the_pool_that_is_meant_for_them() -> None:
    pools = [{**POOL, "context_length_range": [0, 2000]}, {**POOL, "context_length_range": [2000, 40_000]}]
    clients = [
        {
            "id": name,
            "rate_fraction": 0.5,
            "arrival": {"process": "poisson"},
            "input_distribution": {"type": "constant", "params": {"value": tokens}},
            "output_distribution": {"type": "constant", "params": {"value": 20}},
        }
        for name, tokens in (("short", 500), ("long", 8000))
    ]
    scenario = {
        "cluster": {"instances": pools},
        "workload": {"kind": "spec", "num_requests": 60, "spec": {"aggregate_rate": 5.0, "clients": clients}},
        "policies": {"routing": {"policy": "weighted", "scorers": {"context-length": 1}}},
        "seed": 3,
    }

    result = simulate(Scenario.from_mapping(scenario))

    requests = result.outcome.requests
    assert (requests.instance == (result.requests.input_tokens > 2000)).all()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([100], "must be a list of two ints"),
        ("0-100", "must be a list of two ints"),
        ([-1, 5], r"context_length_range\[0\] must be an int"),
        ([10, 5], r"context_length_range\[1\] must be an int in \[10"),
        ([0, 1.5], r"context_length_range\[1\] must be an int"),
    ],
)
def test_a_range_that_is_none_is_refused(value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        cluster_plan({"instances": [{**POOL, "context_length_range": value}]})
