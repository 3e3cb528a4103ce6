"""`python -m experiments.peers`: what it does without the other simulator."""

import gzip
import json

import pytest

from blis.foundation.errors import ConfigError
from experiments.peers.__main__ import main
from experiments.peers.comparing import Compared, best
from experiments.peers.options import Options, read_options
from experiments.peers.printing import document, print_tables
from experiments.peers.trace import write_plain

ROW = {"timestamp": 0, "input_length": 700, "output_length": 3, "hash_ids": [4, 7]}
FIGURES = {
    "completed_requests": 2000,
    "output_tokens": 382_951,
    "duration_s": 536.612,
    "ttft_mean_ms": 24.976,
    "e2e_mean_ms": 1929.731,
    "cached_share": 0.082,
}


def _answer(run_cpu_s, reading_cpu_s, evaluation_cpu_s):
    return {
        "version": "1",
        "runs_cpu_s": [run_cpu_s, 2 * run_cpu_s],
        "reading_cpu_s": reading_cpu_s,
        "evaluations_cpu_s": [evaluation_cpu_s] * 8,
        "figures": FIGURES,
    }


def _compared():
    peer = best([_answer(3.0, 0.5, 2.0), _answer(4.0, 0.25, 1.0)], [5.0, 4.0])
    own = best([_answer(0.5, 0.5, 0.25)], [2.0])
    return Compared(Options().setting("/tmp/trace.jsonl", 64), {"DynoSim": peer, "blis": own})


def test_the_best_of_all_turns_counts():
    taken = _compared().taken["DynoSim"]

    assert (taken.run_cpu_s, taken.reading_cpu_s, taken.whole_cpu_s) == (3.0, 0.25, 4.0)
    assert taken.evaluations_per_cpu_s == 1.0


def test_ratios_say_how_many_times_as_fast_ours_is():
    compared = _compared()

    times = [compared.ratio(quantity) for quantity in ("run_cpu_s", "reading_cpu_s", "whole_cpu_s")]
    assert times == [6.0, 0.5, 2.0]
    assert compared.ratio("evaluations_per_cpu_s") == 4.0


def test_the_tables_name_both_and_the_ratio(capsys):
    print_tables([_compared()], {"DynoSim": "1.6.1", "blis": "0.1.0"}, 2000)

    shown = capsys.readouterr().out
    assert "2,000 requests; DynoSim 1.6.1, blis 0.1.0" in shown
    assert "6.0" in next(line for line in shown.splitlines() if "times as fast" in line)
    assert "1,929.731" in shown


def test_json_has_everything_but_where_the_trace_lay():
    written = json.loads(json.dumps(document([_compared()], {"DynoSim": "1.6.1", "blis": "0.1.0"}, 2000)))

    (row,) = written["compared"]
    assert row["setting"]["kv_blocks"] == 43_750  # 2,800,000 tokens in blocks of 64
    assert "trace" not in row["setting"]
    assert row["times_as_fast"]["run_cpu_s"] == 6.0
    assert row["taken"]["blis"]["figures"]["output_tokens"] == 382_951


def test_a_packed_trace_becomes_plain_rows_of_four_fields(tmp_path):
    packed, plain = tmp_path / "trace.jsonl.gz", tmp_path / "plain.jsonl"
    packed.write_bytes(gzip.compress((json.dumps(ROW | {"priority": 1}) + "\n\n" + json.dumps(ROW) + "\n").encode()))

    assert write_plain(packed, plain) == 2
    assert [json.loads(line) for line in plain.read_text().splitlines()] == [ROW, ROW]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW | {"session_id": "a"}, "line 1: a trace to be compared must have no sessions; got session_id."),
        ({key: ROW[key] for key in list(ROW)[:3]}, "line 1: a trace to be compared must have .* lacks hash_ids."),
    ],
)
def test_a_trace_that_one_of_them_would_read_otherwise_is_refused(tmp_path, row, message):
    trace = tmp_path / "trace.jsonl"
    trace.write_text(json.dumps(row) + "\n")

    with pytest.raises(ConfigError, match=message):
        write_plain(trace, tmp_path / "plain.jsonl")


def test_memory_is_the_same_whatever_the_blocks():
    options = read_options(["kv_tokens=1048576", "blocks=512,16", "workers=2"])

    settings = [options.setting("trace", size) for size in options.block_sizes_tokens]
    assert [(one.kv_blocks, one.block_size_tokens, one.workers) for one in settings] == [(2048, 512, 2), (65536, 16, 2)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "python must name the Python that has DynoSim; none given. To install it: python3 -m venv"),
        (["python=/nowhere/python"], "'/nowhere/python' cannot be run: No such file or directory."),
        (["pyton=x"], "no option 'pyton=x'; did you mean 'python'?"),
        (["blocks=48"], "blocks must divide 512 tokens, the trace's own blocks; got 48."),
        (["blocks=small"], "blocks must be an int"),
        (["rounds=0"], "rounds must be an int"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(capsys, words, message):
    status = main(words)

    error = capsys.readouterr().err
    assert status == 2
    assert error.count("\n") == 1
    assert message in error


def test_a_python_without_the_other_simulator_is_told_how_to_install_it(capsys, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'dynamo'\" >&2\nexit 1\n")
    python.chmod(0o755)

    assert main([f"python={python}"]) == 2
    error = capsys.readouterr().err
    assert "No module named 'dynamo'. To install it: python3 -m venv VENV && VENV/bin/pip install --no-deps" in error
