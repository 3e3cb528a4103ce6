"""Columns are those that pyarrow makes of the same values."""

import numpy as np
import pyarrow as pa
import pytest

from blis.foundation.columns import names, numbers, scalars, table_of, texts


@pytest.mark.parametrize(
    "values",
    [
        np.arange(11),
        np.arange(20, dtype=np.int32)[::2],
        np.array([0.5, np.inf, -1.0]),
        np.array([True, False, True] * 5),
        np.zeros(0),
    ],
)
def test_numbers_are_kept_with_their_kind_and_their_nulls(values: np.ndarray) -> None:
    missing = np.arange(len(values)) % 3 == 1

    assert numbers(values).equals(pa.array(values))
    assert numbers(values, missing).equals(pa.array(values, mask=missing))
    assert numbers(values, missing).null_count == missing.sum()


@pytest.mark.parametrize("values", [[], ["a", "", "größer"], [None, "b", None], [None]])
def test_texts_are_kept_and_none_is_null(values: list[str | None]) -> None:
    assert texts(values).equals(pa.array(values, pa.string()))


def test_names_are_kept_once_and_a_negative_place_is_null() -> None:
    column = names(np.array([1, -1, 0, 1]), ["first", "second"])

    assert column.to_pylist() == ["second", None, "first", "second"]
    assert column.type == pa.dictionary(pa.int32(), pa.string())
    assert column.dictionary.to_pylist() == ["first", "second"]


@pytest.mark.parametrize("values", [["a", None], [1, 2], [1, None], [1, 2.5], [None, 0.5]])
def test_scalars_have_the_kind_that_their_values_have(values: list[object]) -> None:
    assert scalars(values).equals(pa.array(values))


def test_values_that_are_all_missing_are_numbers() -> None:
    assert scalars([None, None]).equals(pa.array([None, None], pa.float64()))


def test_table_takes_arrays_and_columns() -> None:
    table = table_of({"number": np.array([1, 2]), "word": texts(["a", None])})

    assert table.to_pydict() == {"number": [1, 2], "word": ["a", None]}
