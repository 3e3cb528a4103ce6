import json

import numpy as np
import pytest

from blis.command.workload_choice import readers, writers
from blis.convert import main
from blis.foundation.errors import ConfigError
from blis.foundation.placing import place_together
from blis.workload.plan import workload_plan

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2023-11-16 18:15:{40 + k:02d}.{k:03d}1230,{100 + k},{k + 1}\n" for k in range(9)
)


@pytest.fixture
def convert(capsys, tmp_path):
    """Convert to a file of the temporary folder; the report."""

    def run(source, target, *options):
        status = main([str(source), str(tmp_path / target), *options, "--json"])
        said = capsys.readouterr()
        assert status == 0, said.err
        return json.loads(said.out)

    return run


def read(kind, path, block_size=16):
    from blis.foundation.answers import answer

    plan = workload_plan({"kind": kind, "path": str(path)})
    return answer("workload", plan.kind).generate(plan.params, 42, block_size)


def lost(report):
    return {loss["what"]: loss["requests"] for loss in report["lost"]}


@pytest.mark.parametrize(
    ("kind", "target", "options"),
    [
        ("azure", "b.csv", ("to=azure",)),
        ("azure", "b.csv.gz", ("to=azure",)),
        ("burstgpt", "b.csv", ("to=burstgpt",)),
        ("mooncake", "b.jsonl", ()),
        ("mooncake", "b.jsonl.gz", ()),
        ("trace-csv", "b.csv", ("to=trace-csv",)),
        ("trace-v2", "b.yaml", ()),
    ],
)
def test_times_and_lengths_survive_every_format(convert, file, tmp_path, kind, target, options):
    source = file("a.csv", AZURE)
    report = convert(source, target, *options)
    before, after = read("azure", source), read(kind, tmp_path / target)

    assert (report["from"], report["to"], report["requests"]) == ("azure", kind, 9)
    assert report["lost"] == []
    for name in ("arrival_us", "input_tokens", "output_tokens"):
        assert getattr(after, name).tolist() == getattr(before, name).tolist(), name


def test_the_format_of_a_file_is_told_by_its_content(convert, file, data):
    convert(file("a.csv", AZURE), "b.csv", "to=burstgpt")
    assert convert(file("a.csv", AZURE).parent / "b.csv", "c.yaml")["from"] == "burstgpt"
    assert convert(file("a.csv", AZURE).parent / "c.yaml", "d.csv", "to=trace-csv")["from"] == "trace-v2"
    assert convert(file("a.csv", AZURE).parent / "d.csv", "e.jsonl")["from"] == "trace-csv"
    assert convert(data / "mooncake_60.jsonl", "f.csv", "to=azure")["from"] == "mooncake"


def test_labels_survive_where_the_format_has_them_and_are_named_where_not(convert):
    options = ("num_requests=40", "tenants={a: 1, b: 1}", "slo_classes={critical: 1, '': 1}", "seed=5")
    whole = convert("distribution", "a.yaml", *options)
    partly = convert("distribution", "b.csv", "to=burstgpt", *options)
    little = convert("distribution", "c.csv", "to=azure", *options)

    assert lost(whole) == {}
    assert lost(partly).keys() == {"SLO classes", "time before the first request"}
    assert 5 < lost(partly)["SLO classes"] < 35
    assert lost(little)["tenants"] == 40


def test_requests_that_another_format_takes_for_failed_are_named(convert, file):
    source = file("a.csv", AZURE.replace(",1\n", ",0\n"))

    report = convert(source, "b.csv", "to=burstgpt")
    assert [loss["what"] for loss in report["lost"]] == ["requests without output"]


@pytest.mark.parametrize("block_size", [16, 64])
@pytest.mark.parametrize(("target", "options"), [("b.csv", ("to=trace-csv",)), ("b.jsonl", ())])
def test_whole_blocks_of_shared_prefixes_survive_as_tokens_and_as_hashes(
    convert, tmp_path, target, options, block_size
):
    drawn = ("num_requests=60", "prefix_groups=3", "prefix_tokens=1024", "prefix_share=0.7")
    convert("distribution", "a.yaml", *drawn)
    report = convert("distribution", target, *options, *drawn)
    before = read("trace-v2", tmp_path / "a.yaml", block_size)
    after = read(report["to"], tmp_path / target, block_size)

    assert after.key_offsets.tolist() == before.key_offsets.tolist()
    # the same requests share the same blocks, whatever the keys are called
    assert len(set(zip(before.keys.tolist(), after.keys.tolist(), strict=True))) == before.n_keys == after.n_keys
    assert "part of the prefix sharing" not in lost(report)


def test_sharing_below_a_hash_block_is_named_as_lost(convert):
    report = convert("distribution", "a.jsonl", "num_requests=10", "prefix_groups=1", "prefix_tokens=600")

    assert lost(report)["part of the prefix sharing"] == 10
    assert "320 of 370 shared blocks of 16 are kept" in report["lost"][1]["why"]


def test_hashes_of_a_log_survive_as_hashes_and_are_lost_in_a_trace(convert, data, tmp_path):
    source = data / "mooncake_60.jsonl"
    same, trace = convert(source, "a.jsonl"), convert(source, "a.yaml")
    before, after = read("mooncake", source), read("mooncake", tmp_path / "a.jsonl")

    assert lost(same) == {}
    assert after.key_offsets.tolist() == before.key_offsets.tolist()
    assert np.unique(after.prompt).size == np.unique(before.prompt).size
    sharing = int((np.diff(before.key_offsets) > 0).sum())
    assert lost(trace) == {"part of the prefix sharing": sharing}


def test_nothing_is_replaced_unless_asked_for(convert, file, tmp_path, capsys):
    source, target = file("a.csv", AZURE), tmp_path / "b.yaml"
    (tmp_path / "b.csv").write_text("mine")

    assert main([str(source), str(target)]) == 2
    assert "b.csv exists already; give overwrite=true to replace it." in capsys.readouterr().err
    assert (tmp_path / "b.csv").read_text() == "mine"
    assert not target.exists()
    convert(source, "b.yaml", "overwrite=true")
    assert len(read("trace-v2", target)) == 9


def test_a_source_that_is_wrong_leaves_nothing_behind(file, tmp_path, capsys):
    source = file("a.csv", AZURE + "2023-11-16 18:15:59,x,1\n")

    assert main([str(source), str(tmp_path / "b.jsonl")]) == 2
    assert "row 9, column 'ContextTokens': must be an int ≥ 0; got 'x'. See line 11." in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


def test_the_same_source_gives_the_same_bytes(convert, tmp_path):
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        convert("chatbot", name, "num_requests=30", "rate=3")

    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_losses_and_notes_go_to_standard_error(file, tmp_path, capsys):
    assert main([str(file("a.csv", AZURE)), str(tmp_path / "b.csv"), "to=azure", "num_requests=4"]) == 0
    assert main(["distribution", str(tmp_path / "c.csv"), "to=azure"]) == 0
    said = capsys.readouterr()

    assert said.out.splitlines()[0].startswith("4 requests, azure to azure: ")
    assert said.err == "lost: time before the first request (1 requests)\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.csv", "b.yaml"), "'nowhere.csv' must be a file, a folder or the name of a workload; there is none."),
        (("azure", "b.csv"), "b.csv: the name does not tell the format; give to=FORMAT: azure, burstgpt, mooncake"),
        (("azure", "b.csv", "to=azur"), "to: no choice named 'azur'; did you mean 'azure'?"),
        (("azure", "b.yaml", "overwrite=1"), "overwrite must be true or false; got 1."),
        (("azure", "b.yaml", "seed=-1"), "seed must be an int ≥ 0; got -1."),
        (("azure", "b.yaml", "rat=1"), "from: unknown key 'rat'; did you mean 'rate'?"),
        (("azure", "b.yaml", "rate"), "options must have the form key=value; got 'rate'."),
        (("azure", "b.yaml", "rate=1", "rate=2"), "option rate must be given once; got it twice."),
        (("azure", "b.yaml", "rate=["), "option rate must be a YAML value; got '[': while"),
        (("azure", "missing/b.yaml"), "missing/b.yaml must be a file in a folder that exists."),
    ],
)
def test_wrong_command_lines_are_refused(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)

    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "x", "the name must end in .csv, .json, .jsonl, .yaml or .gz after it; else give from=FORMAT."),
        ("a.yaml", "x: 1", "a.yaml begins like no known format (x); give from=FORMAT: azure, "),
        ("a.csv", "x,y\n1,2\n", "a.csv begins like no known format (x, y); give from=FORMAT: azure, "),
    ],
)
def test_files_that_do_not_tell_their_format_are_refused(file, tmp_path, capsys, name, text, message):
    assert main([str(file(name, text)), str(tmp_path / "b.jsonl")]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["b.csv", "b.yaml.gz", "b"])
def test_a_trace_needs_a_name_that_tells_the_name_of_the_file_beside_it(tmp_path, capsys, name):
    assert main(["azure", str(tmp_path / name), "to=trace-v2"]) == 2
    assert "the name must end in .yaml or .yml for trace-v2, which has a file beside it." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_file_beside_a_trace_never_replaces_the_source(file, tmp_path, capsys):
    source = file("a.csv", AZURE)

    assert main([str(source), str(tmp_path / "a.yaml"), "overwrite=true"]) == 2
    assert "a.csv is FROM, and would be replaced by the file beside" in capsys.readouterr().err
    assert source.read_text() == AZURE
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_log_may_replace_itself_if_asked_to(convert, file, tmp_path):
    convert(file("a.csv", AZURE), "a.csv", "to=burstgpt", "overwrite=true")

    assert len(read("burstgpt", tmp_path / "a.csv")) == 9
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_every_reader_is_offered_as_source_and_every_writer_as_target(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())

    assert f"from=FORMAT {', '.join(readers())};" in said
    assert f"to=FORMAT {', '.join(writers())};" in said
    assert {"bailian", "sharegpt", "vllm-bench", "inference-perf"} <= set(readers())
    assert writers() == ["azure", "burstgpt", "mooncake", "trace-csv", "trace-v2"]


@pytest.fixture
def two_files(tmp_path):
    """Two files that were made, and two that are wanted."""
    (tmp_path / "made").mkdir()
    made, wanted = [tmp_path / "made" / name for name in "ab"], [tmp_path / name for name in "ab"]
    for path in made:
        path.write_text("new")
    return made, wanted


def test_files_are_put_in_place_together_or_not_at_all(two_files):
    made, wanted = two_files
    for path in wanted:
        path.write_text("old")
    made[1].unlink()  # so that the second cannot be moved

    with pytest.raises(OSError, match="No such file"):
        place_together(made, wanted, overwrite=True)
    assert [path.read_text() for path in wanted] == ["old", "old"]


def test_a_file_that_came_into_being_meanwhile_is_not_replaced(two_files):
    made, wanted = two_files
    wanted[1].write_text("mine")

    with pytest.raises(ConfigError, match=r"b exists already; give overwrite=true to replace it."):
        place_together(made, wanted, overwrite=False)
    assert wanted[1].read_text() == "mine"
    assert not wanted[0].exists()
