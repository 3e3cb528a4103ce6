"""The published fitness: its worked examples, its text form, and what it does without data."""

import pytest

from blis.fitness.weighted import COMPONENTS, component, parse_weights, score
from blis.foundation.errors import ConfigError, UnknownChoiceError


def test_the_worked_example() -> None:
    weights = parse_weights("fitness", "throughput:0.5,p99_ttft:0.3,mean_e2e:0.2")

    found = score(weights, {"responses_per_sec": 50.0, "ttft_p99_ms": 250.0, "e2e_mean_ms": 400.0})

    assert found["components"] == pytest.approx({"throughput": 1 / 3, "p99_ttft": 1 / 251, "mean_e2e": 1 / 401})
    assert found["score"] == pytest.approx(0.168361, abs=5e-7)


def test_the_published_run() -> None:
    figures = {
        "responses_per_sec": 22.59105891,
        "tokens_per_sec": 10904.70413620,
        "ttft_p99_ms": 12.78822,
        "e2e_p50_ms": 646.631,
    }

    found = score({"throughput": 0.4, "tokens_per_sec": 0.1, "p99_ttft": 0.2, "p50_e2e": 0.3}, figures)

    expected = {"p50_e2e": 0.001544, "p99_ttft": 0.072526, "throughput": 0.184280, "tokens_per_sec": 0.521639}
    assert found["components"] == pytest.approx(expected, abs=5e-7)
    assert list(found["components"]) == sorted(expected)
    assert found["score"] == pytest.approx(0.140844, abs=5e-7)


def test_each_component_is_a_half_at_its_reference() -> None:
    halves = {"throughput": 100.0, "tokens_per_sec": 10_000.0}

    assert {component(key, halves.get(key, 1.0)) for key in COMPONENTS} == {0.5}


def test_what_does_not_exist_counts_nothing() -> None:
    figures = {"responses_per_sec": None, "ttft_p99_ms": None}

    assert score({"throughput": 1.0, "p99_ttft": 1.0}, figures)["score"] == 0.0


def test_spaces_are_trimmed_the_last_of_a_repeated_key_holds_and_nothing_is_no_weights() -> None:
    assert parse_weights("fitness", " throughput : 1 , throughput:0 ") == {"throughput": 0.0}
    assert parse_weights("fitness", "") == parse_weights("fitness", " ") == {}


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "", "many", "1:2"])
def test_a_weight_is_a_finite_number_from_zero(value: str) -> None:
    with pytest.raises(ConfigError, match=r"fitness.throughput must be a finite number ≥ 0; got"):
        parse_weights("fitness", f"throughput:{value}")


@pytest.mark.parametrize("text", ["throughput", "throughput:1,", "throughput:1,,p99_ttft:1"])
def test_a_piece_without_a_colon_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="every piece between commas must be key:weight; got"):
        parse_weights("fitness", text)


def test_an_unknown_key_is_named_with_its_nearest() -> None:
    with pytest.raises(UnknownChoiceError, match="no choice named 'p99_tftt'; did you mean 'p99_ttft'"):
        parse_weights("fitness", "throughput:1,p99_tftt:1")


@pytest.mark.parametrize("value", [None, 1, {"throughput": 1}])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="fitness must be a text such as"):
        parse_weights("fitness", value)
