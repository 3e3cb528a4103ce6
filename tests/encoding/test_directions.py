"""When encoding apart pays, and when not, as was published: of five instances all encode, or some do nothing else."""

from functools import cache
from typing import Any

import pytest

from blis.families.named import read_named
from blis.result import simulate
from blis.scenario import Scenario

ALL = [{"count": 5, "role": "both"}]
TWO_APART = [{"count": 3, "role": "both"}, {"count": 2, "role": "encode"}]
ONE_APART = [{"count": 4, "role": "both"}, {"count": 1, "role": "encode"}]


@cache
def metrics(load: float, n_encoders: int, encoding: str) -> dict[str, Any]:
    mapping = dict(read_named("epd-pictures").mapping(load, None, None))
    pools = {0: ALL, 1: ONE_APART, 2: TWO_APART}[n_encoders]
    policies = {"routing": "least-loaded", "encoding": encoding}
    changed = {"cluster": mapping["cluster"] | {"instances": pools}, "policies": policies, "seed": 42}
    return dict(simulate(Scenario.from_mapping(mapping | changed)).metrics())


# LMSYS, "EPD Disaggregation in SGLang" (2026-01-12): of no use, or worse, where pictures do not wait for each other.
def test_at_a_low_rate_there_is_nothing_to_gain() -> None:
    assert metrics(0.1, 2, "always-multimodal")["ttft_p50_ms"] >= metrics(0.1, 0, "never")["ttft_p50_ms"]


# vLLM, "Disaggregated Encoder": work of the encoder stalls prompts and decodes beside it.
@pytest.mark.parametrize("load", [0.5, 0.8])
def test_under_load_no_decode_waits_for_an_album(load: float) -> None:
    beside, apart = metrics(load, 0, "never"), metrics(load, 1, "always-multimodal")

    assert apart["itl_p99_ms"] < 0.9 * beside["itl_p99_ms"]


def test_too_few_instances_that_encode_are_overrun_unless_they_are_spared() -> None:
    sent, spared = metrics(1.0, 1, "always-multimodal"), metrics(1.0, 1, "queue-threshold")

    assert sent["encode_wait_p50_ms"] > 1000
    assert spared["ttft_p50_ms"] < sent["ttft_p50_ms"] / 4


# As in every division of a cluster: instances that only encode are none that compute prompts.
def test_instances_that_are_given_away_are_missing_where_prompts_are_what_is_dear() -> None:
    assert metrics(0.8, 2, "always-multimodal")["slo_attainment"] < metrics(0.8, 0, "never")["slo_attainment"]
