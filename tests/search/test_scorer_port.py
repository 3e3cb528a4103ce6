"""A formula as pseudo-code of a plugin for llm-d's router."""

import re

import pytest

from blis.engine.features import ROUTING_FEATURES
from evolve.outcome.scorer_port import SOURCES, scorer_port


def port(formula: str) -> str:
    text = scorer_port({"routing": {"policy": "program", "formula": formula}})
    assert text is not None
    return text


def test_every_feature_has_a_unit_a_grade_and_a_place_to_come_from() -> None:
    assert set(SOURCES) == set(ROUTING_FEATURES)
    assert {one.grade for one in SOURCES.values()} <= {"exact", "approximate", "absent"}


def test_what_a_formula_reads_is_declared_and_told() -> None:
    text = port("expected_ttft_us in_flight_requests 1.3 add uncached_tokens mul add neg")

    assert "values[e] = -(expectedTTFTUs(e) + ((inFlightRequests(e) + 1.3) * uncachedTokens(e)))" in text
    for name in ("expected_ttft_us", "in_flight_requests", "uncached_tokens"):
        assert f"| `{name}` | " in text
    assert "used_share" not in text


@pytest.mark.parametrize(
    ("formula", "code"),
    [
        ("queued_requests most queued_requests sub", "most(endpoints, func(o Endpoint) float64 {"),
        ("used_share 0.9 less queued_requests input_tokens if", "choose(usedShare(e) < 0.9, queuedRequests(e), "),
        ("queued_requests used_share div", "ratioOr(queuedRequests(e), usedShare(e), 0)"),
        ("queued_requests sqrt used_share log1p max", "math.Max(math.Sqrt(math.Abs(queuedRequests(e))), math.Log1p("),
    ],
)
def test_operations_are_total_there_as_here(formula: str, code: str) -> None:
    text = port(formula)

    assert code in text
    called = set(re.findall(r"(?<![.\w])([a-z]\w+)\(", text.partition("```go")[2]))
    declared = set(re.findall(r"func (\w+)\(", text)) | {"extremes", "func"}
    assert called <= declared


def test_other_routing_has_no_port() -> None:
    assert scorer_port({"routing": {"policy": "preble"}}) is None
