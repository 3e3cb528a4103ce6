"""Numbers of any size, and names of any length, are refused in words of a bounded length."""

import pytest

from blis.foundation.checks import check_choice, check_int, check_keys, check_number, nearest
from blis.foundation.errors import ConfigError, UnknownChoiceError

HUGE = [10**309, -(10**309), 10**400, 10**5000, int("f" * 400, 16)]


@pytest.mark.parametrize("value", HUGE, ids=range(5))
def test_a_number_beyond_all_floats_is_refused(value: int) -> None:
    with pytest.raises(ConfigError, match=r"^rate must be a finite number > 0; got .*about \d+ digits\.$"):
        check_number("rate", value, above=0)


@pytest.mark.parametrize("value", [*HUGE, 10**30, 2**63, 1e30, 1e308], ids=range(9))
def test_a_whole_number_beyond_64_bits_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match=r"^seed must be an int in \[0, 9223372036854775807\]; got "):
        check_int("seed", value, 0)
    with pytest.raises(ConfigError, match=r"^n must be an int in \[1, 5\]; got "):
        check_int("n", value, 1, 5)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"above": 0, "maximum": 1e12}, " > 0 and ≤ 1000000000000"),
        ({"above": 0.5}, " > 0.5"),
        ({"above": 0, "minimum": 0.0}, " > 0"),
        ({"above": 0, "minimum": 2.0, "maximum": 3.5}, " in [2, 3.5]"),
        ({"minimum": -1.0}, " ≥ -1"),
        ({"maximum": 1e30}, " ≤ 1e+30"),
        ({"minimum": 0.0, "maximum": 1.0}, " in [0, 1]"),
        ({}, ""),
    ],
)
def test_a_range_is_told_in_words(bounds: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_number("x", None, **bounds)
    assert str(refused.value) == f"x must be a finite number{words}; got None."


def test_whole_numbers_within_64_bits_pass() -> None:
    assert check_int("n", 2**63 - 1) == 2**63 - 1
    assert check_int("n", -(2**63)) == -(2**63)
    assert check_int("n", 3.0) == 3
    assert check_number("x", 2**63) == 2.0**63


@pytest.mark.parametrize("value", [10**5000, ["x"] * 10**6, "x" * 10**6, None, {}], ids=range(5))
def test_a_choice_of_any_kind_is_refused_briefly(value: object) -> None:
    with pytest.raises(UnknownChoiceError) as refused:
        check_choice("routing", value, ["round-robin", "least-loaded"])

    assert len(str(refused.value)) < 400


def test_keys_of_any_kind_are_refused_briefly() -> None:
    for key in ("x" * 10**6, 10**5000, None, 2.5, True):
        with pytest.raises(ConfigError, match=r"^run: unknown key .* Keys: a, b\.$") as refused:
            check_keys("run", {key: 1}, ["a", "b"])
        assert len(str(refused.value)) < 400
    with pytest.raises(ConfigError, match="must be a mapping") as refused:
        check_keys("run", [[0] * 1000] * 1000, ["a"])
    assert len(str(refused.value)) < 400


def test_what_was_given_is_never_proposed() -> None:
    assert nearest("seed", ["seed", "speed"]) == "."
    assert nearest("sede", ["seed"]) == "; did you mean 'seed'?"
