"""Ranges: what they refuse, and how they are drawn."""

import math
from typing import Any

import numpy as np
import pytest

from blis.families.ranges import Range
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream


def read(**given: Any) -> Range:
    return Range.from_mapping("ranges.load", "load", {"reason": "because", **given})


def drawn(one: Range, count: int = 4_000) -> np.ndarray:
    return np.array([one.draw(stream(3, "draw", place)) for place in range(count)])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"low": 1.0}, "key 'high' is required"),
        ({"low": 2.0, "high": 1.0}, "ranges.load must have low < high; got low 2 and high 1"),
        ({"low": 1.0, "high": 1.0}, "ranges.load must have low < high"),
        ({"low": math.nan, "high": 1.0}, "ranges.load.low must be a finite number; got nan"),
        ({"low": 0.0, "high": math.inf}, "ranges.load.high must be a finite number; got inf"),
        ({"low": True, "high": 2}, "ranges.load.low must be a finite number; got True"),
        ({"low": "a", "high": 2}, "ranges.load.low must be a finite number; got 'a'"),
        ({"low": 0.0, "high": 1.0, "scale": "log"}, "ranges.load.low must be a finite number > 0"),
        ({"low": 0.0, "high": 1.0, "scale": "logarithmic"}, "ranges.load.scale: no choice named 'logarithmic'"),
        ({"low": 0.0, "hihg": 1.0}, "ranges.load: unknown key 'hihg'; did you mean 'high'?"),
        ({"low": 0.5, "high": 1.0, "factor": 1}, "ranges.load.factor must be true or false"),
        ({"among": []}, "ranges.load.among must be a list of at least two values; got []"),
        ({"among": [1]}, "ranges.load.among must be a list of at least two values"),
        ({"among": "abc"}, "ranges.load.among must be a list of at least two values"),
        ({"among": [1, 2, 1]}, "ranges.load.among must hold each value once"),
        ({"among": [1.0, math.nan]}, "ranges.load.among[1] must be a finite number; got nan"),
        ({"among": [1, 2], "low": 0.5}, "ranges.load.low must be left out where among lists the values"),
        ({"low": 0.5, "high": 1.0, "reason": " "}, "ranges.load.reason must be a text"),
        ({"low": 0.5, "high": 1.0, "reason": 7}, "ranges.load.reason must be a text"),
        ({"low": 0.5, "high": 1.0, "also": "x"}, "ranges.load.also must be a list of paths"),
    ],
)
def test_what_is_no_range_is_refused_in_one_line(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(**given)

    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_range_needs_a_reason() -> None:
    with pytest.raises(ConfigError, match="key 'reason' is required"):
        Range.from_mapping("ranges.load", "load", {"low": 0.5, "high": 1.0})


def test_numbers_are_drawn_evenly() -> None:
    values = drawn(read(low=2.0, high=6.0))

    assert values.min() >= 2.0
    assert values.max() <= 6.0
    assert np.histogram(values, 4, (2.0, 6.0))[0] / len(values) == pytest.approx([0.25] * 4, abs=0.03)


def test_a_logarithmic_range_gives_each_doubling_the_same_share() -> None:
    values = drawn(read(low=1.0, high=16.0, scale="log"))

    assert np.histogram(np.log2(values), 4, (0.0, 4.0))[0] / len(values) == pytest.approx([0.25] * 4, abs=0.03)


def test_whole_bounds_give_whole_numbers_both_bounds_among_them() -> None:
    values = drawn(read(low=3, high=6))

    assert values.dtype.kind == "i"
    assert np.bincount(values)[3:] / len(values) == pytest.approx([0.25] * 4, abs=0.03)
    assert set(drawn(read(low=1, high=4, scale="log")).tolist()) == {1, 2, 3, 4}


def test_listed_values_are_drawn_alike() -> None:
    values = drawn(read(among=["a", "b", "c", "d"]))

    assert [float((values == one).mean()) for one in "abcd"] == pytest.approx([0.25] * 4, abs=0.03)


def test_a_factor_multiplies_and_keeps_whole_numbers_whole() -> None:
    one = read(low=0.5, high=2.0, factor=True)

    assert one.filled(100, 0.5) == 50
    assert isinstance(one.filled(100, 0.5), int)
    assert one.filled(1, 0.5) == 1
    assert one.filled(0.3, 2.0) == 0.6


def test_of_mappings_only_the_listed_keys_are_replaced() -> None:
    one = read(among=[{"a": 1}, {"a": 2}])

    assert one.filled({"a": 0, "b": 5}, {"a": 2}) == {"a": 2, "b": 5}
