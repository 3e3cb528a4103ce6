"""What a message quotes is bounded, in length and in time, whatever is quoted."""

import time

import pytest

from blis.foundation.words import MOST_LISTED, MOST_OF_MESSAGE, MOST_SHOWN, listed, one_line, shown


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, -1.5, float("nan"), "text", "it's", b"bytes", [], (), {}, set(), frozenset()),
        *([1, "a"], (1,), (1, 2), {"a": [1, {"b": None}]}, {1}, frozenset({1}), 10**199),
    ],
)
def test_what_is_short_is_shown_as_repr_writes_it(value: object) -> None:
    assert shown(value) == repr(value)


def bomb(levels: int) -> list[object]:
    """Ten to the power of `levels` items, of which ten times `levels` exist."""
    value: list[object] = ["lol"] * 10
    for _ in range(levels - 1):
        value = [value] * 10
    return value


def holds_itself() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value", [bomb(12), holds_itself(), "x" * 10**7, b"x" * 10**7, list(range(10**6)), {n: n for n in range(10**5)}]
)
def test_what_is_long_is_cut_at_once(value: object) -> None:
    started_s = time.perf_counter()

    text = shown(value)

    assert len(text) == MOST_SHOWN + 3
    assert text.endswith("...")
    assert time.perf_counter() - started_s < 0.5


def test_whole_numbers_that_python_will_not_write_out_are_described() -> None:
    assert shown(10**5000) == "a whole number of about 5001 digits"
    assert shown([-(10**400)]) == "[a whole number of about 401 digits]"


def test_an_object_that_fails_to_say_what_it_is_does_not_break_the_message() -> None:
    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError

    assert shown([Rude()]) == "[a Rude that cannot be shown (RuntimeError)]"


def test_a_list_of_names_ends() -> None:
    assert listed(["a", "b", 3]) == "a, b, 3"
    assert listed([]) == ""
    assert len(listed(map(str, range(10**9)))) < MOST_LISTED + MOST_SHOWN
    assert len(listed(["x" * 10**6])) == MOST_SHOWN + 3


def test_a_message_is_one_line_of_what_can_be_printed() -> None:
    assert one_line("a\n b\t\tc") == "a b c"
    assert one_line("red \x1b[31m") == "red \\x1b[31m"
    assert one_line("µs ≥ 日本 'é'") == "µs ≥ 日本 'é'"
    assert one_line("file \udcff") == "file \\udcff"
    assert len(one_line("x" * 10**6)) == MOST_OF_MESSAGE + 3
