"""Measured runs of divided serving: what the rows say, and two pools simulated and reported."""

import json
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("aiconfigurator_core")

from experiments.fidelity.__main__ import main
from experiments.fidelity.divided_points import NOT_SAID, REPEATED, DividedPoint, read_divided_points
from experiments.fidelity.memory import kv_blocks_of
from experiments.fidelity.points import point_of, rows_of

KIMI = ["--divided", "--models", "moonshotai/Kimi-K2.5", "--engines", "vllm"]


@pytest.fixture(scope="module")
def points() -> list[DividedPoint]:
    return read_divided_points()


def test_every_row_of_divided_serving_is_a_point_and_most_do_not_say_how_many_instances_serve(
    points: list[DividedPoint],
) -> None:
    assert len(points) == 1602
    assert Counter(point.refusal for point in points) == {None: 274, REPEATED: 306, NOT_SAID: 1022}
    assert len(read_divided_points("public")) + len(read_divided_points("judge")) == 1602


def test_who_says_both_has_as_many_users_as_the_decode_pool_has_places() -> None:
    rows = [
        row for row in rows_of("disagg") if row["decode_num_workers"] and "concurrency=" in row["silicon_data_source"]
    ]
    unsaid = [row | {"silicon_data_source": ""} for row in rows]

    assert len(rows) == 267
    assert [point_of(row, "decode_").concurrency for row in unsaid] == [
        point_of(row, "decode_").concurrency for row in rows
    ]


def test_vllm_has_ranks_of_attention_where_its_recipes_have_them(points: list[DividedPoint]) -> None:
    kimi = [point for point in points if point.engine == "vllm" and "Kimi" in point.model]

    assert {point.widths_in_words for point in kimi} == {
        "1x tp1 ep4 dp4 + 4x tp4 ep4 dp1",  # on nodes of four GPUs
        "1x tp1 ep4 dp4 + 1x tp1 ep16 dp16",
    }


def test_a_rank_holds_a_copy_of_all_weights_but_its_share_of_experts(
    points: list[DividedPoint], tmp_path: Path
) -> None:
    # DeepSeek R1's 630 GB divide among eight GPUs of 141 GB; the copies of attention take what then is left for KV.
    ranks = next(point.decode for point in points if point.system == "h200_sxm" and point.decode.data_parallel == 8)
    group = next(point.decode for point in points if point.system == "h200_sxm" and point.decode.tensor_parallel == 8)

    in_ranks, in_group = kv_blocks_of(ranks, tmp_path), kv_blocks_of(group, tmp_path)

    assert in_ranks // 8 < in_group  # on one GPU
    assert in_ranks > in_group  # of all: a rank's KV is its own, a group's the same on all eight


def test_two_pools_are_judged_point_by_point(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    asked = [*KIMI, "--part", "public", "--json", str(out), "--tables", str(tmp_path / "tables"), "--processes", "1"]

    assert main(asked) == 0

    document = json.loads(out.read_text())
    assert document["serving"] == "divided"
    assert len(document["points"]) == 5
    for one in document["points"]:
        assert one["public"]
        assert 0.7 < one["simulated_tpot_ms"] / one["measured_tpot_ms"] < 2.0
        assert one["simulated_ttft_ms"] > 180.0  # what handing over takes
    assert "vllm moonshotai/Kimi-K2.5 fp4 gb200" in capsys.readouterr().out


def test_what_cannot_be_simulated_is_counted_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--divided", "--models", "zhipuai/GLM-5", "--tables", str(tmp_path), "--processes", "1"]

    assert main(asked) == 0

    out = capsys.readouterr().out
    assert "22 points not priced" in out
    assert NOT_SAID in out


def test_wrong_names_are_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--divided", "--systems", "gb2000"]) == 2

    err = capsys.readouterr().err
    assert "did you mean 'gb200'" in err
    assert err.count("\n") == 1
