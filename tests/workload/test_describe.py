import json

import numpy as np
import pytest

from blis.describe import main
from blis.workload.description.sharing import depths_of, prefix_tree, sharing_of
from blis.workload.description.summary import describe
from blis.workload.kinds import distribution
from blis.workload.labels import Labels
from blis.workload.prefixes.keys import keys_of_groups, keys_of_tokens
from blis.workload.table import requests_of


def drawn(**mapping):
    return distribution.generate(distribution.Params.from_mapping("w", mapping), 3, 16)


def small(prompts, outputs, **columns):
    """Requests of literal tokens, one each second, in blocks of 2."""
    return requests_of(
        arrival_us=np.arange(len(prompts)) * 10**6,
        input_tokens=np.array([len(prompt) for prompt in prompts]),
        output_tokens=np.array([len(output) for output in outputs]),
        keys=keys_of_tokens(prompts, outputs, 2),
        block_size_tokens=2,
        **columns,
    )


def test_figures_of_arrivals_and_lengths_are_those_of_the_columns():
    requests = drawn(num_requests=5000, rate=20)
    found = describe(requests)

    assert found["requests"] == 5000
    assert found["arrivals"]["rate_per_s"]["mean"] == pytest.approx(4999 / np.ptp(requests.arrival_us) * 1e6)
    assert found["arrivals"]["gap_cv"]["overall"] == pytest.approx(1.0, abs=0.05)  # Poisson
    pieces = found["arrivals"]["over_time"]
    assert sum(np.diff(pieces["edges_s"]) * pieces["rate_per_s"]) == pytest.approx(5000)
    assert found["input_tokens"]["mean"] == requests.input_tokens.mean()
    assert found["output_tokens"]["p90"] == np.percentile(requests.output_tokens, 90)
    assert found["parts"]["text"]["share"] == 1.0


def test_variation_is_that_of_the_process():
    assert describe(drawn(num_requests=50_000, arrival="constant"))["arrivals"]["gap_cv"]["overall"] == 0
    bursty = describe(drawn(num_requests=100_000, arrival="gamma", cv=3.0))
    assert bursty["arrivals"]["gap_cv"]["overall"] == pytest.approx(3.0, rel=0.05)


def test_repeated_blocks_are_those_that_an_earlier_request_had():
    prompts = [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 9, 9], [1, 2, 8, 8], [7, 7, 7, 7], [1, 2, 3, 4, 5, 6, 0]]
    sharing = sharing_of(small(prompts, [[]] * 5))

    assert sharing.prompt_blocks == 3 + 3 + 2 + 2 + 3
    assert sharing.shared_blocks == 3 + 2 + 1 + 0 + 3
    assert sharing.repeated_blocks == 0 + 2 + 1 + 0 + 3
    assert (sharing.roots, sharing.largest_tree, sharing.sharing_requests) == (1, 4, 4)
    assert sharing.deepest_tokens == 6


def test_a_prompt_that_repeats_an_output_counts_as_repeated_but_the_output_is_no_prompt():
    sharing = sharing_of(small([[1, 2], [1, 2, 3, 4]], [[3, 4], []]))

    assert sharing.prompt_blocks == 3
    assert sharing.shared_blocks == 1 + 2
    assert sharing.repeated_blocks == 2


def test_sharing_by_depth_falls_like_the_prompts_part():
    depths = depths_of(small([[1, 2, 3, 4], [1, 2, 9, 9], [1, 2, 3, 4]], [[]] * 3))

    assert depths.tokens.tolist() == [2, 4]
    assert depths.present.tolist() == [1.0, 1.0]
    assert depths.shared.tolist() == pytest.approx([1.0, 2 / 3])
    assert depths.repeated.tolist() == pytest.approx([2 / 3, 1 / 3])


def test_the_tree_has_equal_beginnings_side_by_side():
    depth_tokens, sharers = prefix_tree(small([[1, 2, 3, 4], [5, 5], [1, 2, 9, 9], [5, 5], [1, 2, 3, 4]], [[]] * 5))

    assert depth_tokens.tolist() == [0, 2, 4]
    assert np.nan_to_num(sharers).tolist() in (
        [[3, 3, 3, 2, 2], [2, 2, 0, 0, 0]],
        [[3, 3, 3, 2, 2], [0, 2, 2, 0, 0]],
        [[2, 2, 3, 3, 3], [0, 0, 2, 2, 0]],
        [[2, 2, 3, 3, 3], [0, 0, 0, 2, 2]],
    )


def test_an_unlimited_cache_saves_all_of_a_group_but_its_first_text():
    requests = drawn(num_requests=1000, prefix_groups=4, prefix_tokens=160)

    sharing = sharing_of(requests)
    assert sharing.shared_blocks == 1000 * 10
    assert sharing.repeated_blocks == 996 * 10
    assert sharing.roots == 4


def test_names_are_listed_by_size_and_the_rest_is_summed_up():
    n = 300
    names = [f"t{k}" for k in range(30)]
    tenant = Labels(np.minimum(np.arange(n) // 8, 29).astype(np.int32), tuple(names))
    tokens = np.full(n, 10)
    nothing = np.zeros(n, np.int64)
    requests = requests_of(
        arrival_us=np.arange(n),
        input_tokens=tokens,
        output_tokens=tokens,
        keys=keys_of_groups(tokens, tokens, nothing - 1, nothing, 16),
        block_size_tokens=16,
        tenant=tenant,
    )
    rows = describe(requests)["tenants"]

    assert (rows[0]["name"], rows[0]["requests"]) == ("t29", 68)
    assert (rows[-1]["name"], rows[-1]["requests"]) == ("(11 others)", 88)
    assert sum(row["share"] for row in rows) == pytest.approx(1.0)
    assert {row["input_tokens_mean"] for row in rows} == {10.0}


def test_sessions_and_closed_loops_are_counted():
    requests = small(
        [[1, 2]] * 5,
        [[3]] * 5,
        session=Labels(np.array([0, 0, 1, -1, 0], np.int32), ("a", "b")),
        after=np.array([-1, 0, -1, -1, 1]),
        think_us=np.array([0, 2_000_000, 0, 0, 4_000_000]),
    )
    found = describe(requests)["sessions"]

    assert (found["sessions"], found["requests"]) == (2, 4)
    assert found["rounds"] == {"1": 1, "3": 1}
    assert (found["closed_loop_requests"], found["think_s_mean"]) == (2, 3.0)


@pytest.mark.parametrize("n", [1, 2])
def test_requests_at_one_moment_have_no_rate(n, tmp_path):
    found = describe(small([[1, 2]], [[3]]) if n == 1 else drawn(num_requests=2, rate=1e9))

    assert found["requests"] == n
    assert found["arrivals"]["rate_per_s"] == {"mean": None, "lowest": None, "peak": None}
    json.dumps(found, allow_nan=False)


def test_the_command_prints_json_and_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert main(["describe", "workload=chatbot", "workload.num_requests=50", "seed=9", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["workload"], found["seed"], found["requests"]) == ("distribution", 9, 50)
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_tables_and_draws_a_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ("workload.prefix_groups=2", "workload.prefix_tokens=64", "plots=w.png")

    assert main(["describe", "workload=distribution", *options]) == 0
    printed = capsys.readouterr().out
    assert "prompt blocks shared with others" in printed
    assert "group-0" in printed
    assert (tmp_path / "w.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "usage: python -m blis.workload describe"),
        (("describe", "workload=azur"), "workload: no choice named 'azur'; did you mean 'azure'?"),
        (("describe", "workload=burstgpt"), "workload.path must be given"),
        (("describe", "workload.rat=1"), "workload: unknown key 'rat'; did you mean 'rate'?"),
        (("describe", "plots=w.pdf"), "plots must be the path of a .png file in a folder that exists; got 'w.pdf'."),
        (("describe", "plots=3"), "plots must be the path of a .png file"),
        (("describe", "--jsn"), "no flag named '--jsn'"),
    ],
)
def test_wrong_command_lines_are_refused(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)

    assert main(arguments) == 2
    assert message in capsys.readouterr().err
