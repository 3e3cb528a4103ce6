"""The history of a search as a table."""

import pytest
from pyarrow import parquet

from evolve.outcome import history


def row(place, figures, error=None):
    return {
        "stage": "search", "generation": place // 2, "candidate": place % 2, "name": "", "genome": {"weight": place},
        "digest": f"genome {place}", "parents": ["a"] * (place % 3), "behaviour": "b", "fitness": 1.0 / (place + 1),
        "objectives": [0.5, float(place)], "violation": 0.0, "rungs_short": 0, "role": "train", "scenario": "s",
        "seed": 1, "num_requests": 10, "task": f"task {place}", "cache_hit": False, "simulated_requests": 10,
        "error": error, "wall_ms": 2.0 * place, "figures": figures,
    }  # fmt: skip


#: A failure first, a figure that only one has, one that is not defined once.
ROWS = [
    row(0, {}, "it broke"),
    row(1, {"ttft": 1.5, "e2e": None}),
    row(2, {"ttft": 2.5, "e2e": 3.0}),
    row(3, {"e2e": 4.0, "anomaly/late": 1.0}),
    row(4, {"ttft": 5.0}),
]


@pytest.mark.parametrize("at_a_time", [1, 2, 5])
def test_how_many_rows_become_columns_at_a_time_changes_no_byte(tmp_path, monkeypatch, at_a_time):
    whole = history.write_history(ROWS, tmp_path / "whole")

    monkeypatch.setattr(history, "_AT_A_TIME", at_a_time)
    parts = history.write_history(iter(ROWS), tmp_path / "parts")

    assert [path.read_bytes() for path in parts] == [path.read_bytes() for path in whole]


def test_a_figure_is_a_column_and_null_where_a_row_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "_AT_A_TIME", 2)

    written, timings = history.write_history(ROWS, tmp_path)

    table = parquet.read_table(written)
    assert table.column_names[-3:] == ["anomaly/late", "e2e", "ttft"]
    assert table["ttft"].to_pylist() == [None, 1.5, 2.5, None, 5.0]
    assert table["e2e"].to_pylist() == [None, None, 3.0, 4.0, None]
    assert table["status"].to_pylist() == ["failed", "ok", "ok", "ok", "ok"]
    assert "wall_ms" not in table.column_names
    assert parquet.read_table(timings)["wall_ms"].to_pylist() == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_a_search_without_rows_has_an_empty_table():
    assert history.history_table([]).num_rows == 0
