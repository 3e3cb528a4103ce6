"""Which model and which adapter requests ask for, in every workload that can say it."""

import numpy as np
import pytest

from blis.workload.kinds import trace_v2
from blis.workload.labels import number_names
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.table import requests_of


def requests(model=None, adapter=None):
    group, n = np.array([0, 0, 0, 1, 1, -1]), 6
    lengths, prefix = np.full(n, 64), np.array([32, 48, 64, 32, 32, 0])
    return requests_of(
        arrival_us=np.arange(n) * 1_000, input_tokens=lengths, output_tokens=np.full(n, 5),
        keys=keys_of_groups(lengths, np.full(n, 5), group, prefix, 16), block_size_tokens=16,
        model=None if model is None else number_names(model, empty_is_none=True),
        adapter=None if adapter is None else number_names(adapter, empty_is_none=True),
        prefix_group=number_names([f"g{number}" if number >= 0 else "" for number in group], empty_is_none=True),
        prefix_tokens=prefix,
    )  # fmt: skip


def test_nobody_asks_for_anything_unless_it_is_said():
    plain = requests()

    assert (plain.models, plain.adapters) == ((), ())
    assert set(plain.model.tolist()) == set(plain.adapter.tolist()) == {-1}


def test_equal_prompts_with_different_adapters_share_nothing():
    plain, told_apart = requests(), requests(adapter=["x", "x", "y", "", "x", "x"])

    def keys(table, row):
        return table.keys[table.key_offsets[row] : table.key_offsets[row + 1]]

    assert keys(plain, 3).tolist() == keys(plain, 4).tolist()
    assert keys(told_apart, 0)[:2].tolist() == keys(told_apart, 1)[:2].tolist()
    assert not set(keys(told_apart, 0).tolist()) & set(keys(told_apart, 2).tolist())
    assert not set(keys(told_apart, 3).tolist()) & set(keys(told_apart, 4).tolist())
    assert np.unique(told_apart.keys).tolist() == list(range(told_apart.n_keys))


def test_prompts_with_different_adapters_are_different_prompts():
    plain, told_apart = requests(), requests(adapter=["x", "y", "x", "x", "y", ""])

    equal = plain.prompt[:, None] == plain.prompt[None, :]
    same_adapter = told_apart.adapter[:, None] == told_apart.adapter[None, :]
    assert ((told_apart.prompt[:, None] == told_apart.prompt[None, :]) == (equal & same_adapter)).all()


@pytest.mark.parametrize("named", [{"model": ["m", "", "n", "m", "n", ""]}, {"adapter": ["", "a", "", "b", "a", "a"]}])
def test_a_trace_keeps_what_was_asked_for(tmp_path, named):
    before = requests(**named)

    lost = trace_v2.write(before, tmp_path / "trace.yaml")
    after = trace_v2.generate(trace_v2.Params.from_mapping("workload", {"path": str(tmp_path / "trace.yaml")}), 0, 16)

    assert not {loss.what for loss in lost} & {"models", "adapters"}
    for column, names in (("model", "models"), ("adapter", "adapters")):
        wanted = [[*getattr(before, names), ""][place] for place in getattr(before, column)]
        assert [[*getattr(after, names), ""][place] for place in getattr(after, column)] == wanted


def test_a_trace_without_names_has_the_columns_that_it_had(tmp_path):
    trace_v2.write(requests(), tmp_path / "trace.yaml")

    header = (tmp_path / "trace.csv").read_text().splitlines()[0]
    assert not {"model", "adapter"} & set(header.split(","))
