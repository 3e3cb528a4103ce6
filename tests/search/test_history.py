"""The parts of a history are read when they are needed, and not before."""

import hashlib
import json

import pytest

from blis.foundation.errors import ConfigError
from evolve.search.history import History


def kept(folder, **parts):
    """A history of these rows by part, and the digests of its parts."""
    folder.mkdir()
    digests = {}
    for name, rows in parts.items():
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text)
        digests[name] = hashlib.sha256(text.encode()).hexdigest()
    return History(folder), digests


def test_rows_come_in_the_order_of_their_parts_as_often_as_they_are_asked_for(tmp_path):
    history, parts = kept(tmp_path / "history", baselines=[{"n": 1}], first=[{"n": 2}, {"n": 3}])

    rows = history.rows(parts)

    assert [row["n"] for row in rows] == [1, 2, 3]
    assert [row["n"] for row in rows] == [1, 2, 3]


def test_a_part_that_was_changed_is_refused_where_it_is_reached(tmp_path):
    history, parts = kept(tmp_path / "history", baselines=[{"n": 1}], first=[{"n": 2}])
    (tmp_path / "history" / "first.jsonl").write_text('{"n": 4}\n')

    rows = iter(history.rows(parts))

    assert next(rows) == {"n": 1}
    with pytest.raises(ConfigError, match=r"first\.jsonl must be as a search wrote it; it is damaged"):
        next(rows)
