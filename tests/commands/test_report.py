"""The command `python -m blis.report`: what its page says, that it says it to nobody else, and what it refuses."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from blis.output.page.comparison import compare, weighted_statistic
from blis.output.page.drawing import MOST_POINTS, thinned
from blis.output.page.folder import RunFolder, read_folders
from blis.output.page.measures import MEASURES, samples
from blis.output.page.over_time import load_over_time, means_over_time, routing_shares
from blis.output.page.regret_figures import rollout_regret_ms
from blis.report import main
from blis.run import main as run_main

pytest.importorskip("plotly")

COMMON = ("scenario=overload-mixed-slo", "scenario.num_requests=300", "output=json")
TRACED = ("trace=decisions", "counterfactual=rollout", "counterfactual.decisions=20", "counterfactual.admissions=5")
RUNS = {
    "round-robin": ("routing=round-robin", *TRACED),
    "weighted": ("routing=weighted", *TRACED),
    "rejecting": ("admission=token-bucket", "trace=summary"),
    "other-seed": ("seed=7", "fitness=throughput:1"),
    "cut": ("horizon_us=900000", "trace=decisions"),
    "crowded": ("routing=always-busiest", "trace=summary"),
}
TITLES = ("Headline", "Runs", "Latency", "Service by class and tenant", "Load over time", "Routing over time")
EXPLAINED = ("Anomalies", "Regret", "Worst decisions")
VOID = ("meta", "br", "img", "link")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of small runs, by name."""
    where = tmp_path_factory.mktemp("runs")
    for name, arguments in RUNS.items():
        assert run_main([*COMMON, *arguments, f"hydra.run.dir={where / name}"]) == 0
    return {name: where / name for name in RUNS}


class Page(HTMLParser):
    """What a browser without JavaScript sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.titles: list[str] = []
        self.words = ""
        self.figures: list[str] = []
        self.scripts = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.scripts += tag == "script"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            if dict(self.tags[-1][1]).get("type") == "application/json":
                self.figures.append(data)
            return
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        if self.open and self.open[-1] == "h2":
            self.titles.append(data)
        if self.open and self.open[-1] != "style":
            self.words += data

    def row(self, first: str) -> list[str]:
        return next(row for row in self.rows if row[0] == first)


def page_of(paths: Sequence[Path], output: Path) -> Page:
    assert main([*map(str, paths), f"output={output}"]) == 0
    page = Page(output.read_text(encoding="utf-8"))
    assert page.open == []
    return page


def run_of(path: Path) -> RunFolder:
    return read_folders([path])[0]


def test_page_of_a_traced_run_has_every_part(folders, tmp_path: Path) -> None:
    page = page_of([folders["round-robin"]], tmp_path / "page.html")
    metrics = json.loads((folders["round-robin"] / "metrics.json").read_text())

    assert page.titles == [*TITLES, *EXPLAINED, "Policies, configuration and notes"]
    assert page.row("TTFT, p99")[1] == f"{metrics['ttft_p99_ms']:,.1f} ms"
    assert page.row("within SLO targets")[1] == f"{100 * metrics['slo_attainment']:.1f} %"
    assert page.row("preemptions")[1] == f"{metrics['preemptions']:,}"
    for one in metrics["classes"]:
        assert page.row(one["slo_class"])[2] == f"{one['arrived_requests']:,}"
    for text in ("routing:\n  policy: round-robin", "seed: 42", "# Summary of a run"):
        assert text in page.words


def test_page_tells_the_worst_decisions_and_the_anomalies_of_the_explanation(folders, tmp_path: Path) -> None:
    page = page_of([folders["round-robin"], folders["crowded"]], tmp_path / "page.html")

    for name in ("round-robin", "crowded"):
        told = json.loads((folders[name] / "explanation.json").read_text())
        assert told["worst_decisions"]
        for one in told["worst_decisions"]:
            assert one["text"] in page.words
    imbalance = told["anomalies"]["load-imbalance"]
    assert imbalance["count"] > 0
    assert page.row("load-imbalance")[3] == f"{imbalance['count']} ({100 * imbalance['rate']:.1f} %)"
    assert imbalance["rule"] in page.words
    assert imbalance["examples"][0]["text"] in page.words


def test_page_without_a_trace_says_how_to_get_the_rest(folders, tmp_path: Path) -> None:
    page = page_of([folders["other-seed"]], tmp_path / "page.html")

    assert page.titles == [*TITLES, "Policies, configuration and notes"]
    assert "run it again with trace=decisions counterfactual=rollout" in page.words
    assert page.row("other-seed")  # its fitness


def test_page_of_a_summary_trace_explains_and_says_what_is_missing(folders, tmp_path: Path) -> None:
    page = page_of([folders["rejecting"]], tmp_path / "page.html")

    assert set(EXPLAINED) < set(page.titles)
    assert "traced in summary: run it again with trace=decisions" in page.words
    assert "tried no decision otherwise: run it again with counterfactual=rollout" in page.words


def test_page_needs_no_network_and_holds_the_library_once(folders, tmp_path: Path) -> None:
    output = tmp_path / "page.html"
    page = page_of([folders["round-robin"], folders["weighted"]], output)

    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe", "object")
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert page.scripts == len(page.figures) + 2
    assert 4e6 < output.stat().st_size < 8e6
    assert any("default-src 'none'" in str(attributes) for tag, attributes in page.tags if tag == "meta")
    drawn = {attributes.get("id") for tag, attributes in page.tags if tag == "div"}
    wanted = [attributes["data-figure"] for _, attributes in page.tags if "data-figure" in attributes]
    assert wanted
    assert len(set(wanted)) == len(wanted)
    assert set(wanted) <= drawn
    assert all({"data", "layout"} <= set(json.loads(text)) for text in page.figures)


def test_same_folders_give_the_same_bytes(folders, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("one.html", "two.html")]
    for output in outputs:
        page_of([folders["round-robin"], folders["weighted"]], output)

    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_default_output_is_in_the_run_or_here(folders, tmp_path: Path, monkeypatch, capsys) -> None:
    run = tmp_path / "run"
    shutil.copytree(folders["other-seed"], run)
    monkeypatch.chdir(tmp_path)

    assert main([str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "report.html")
    assert (run / "report.html").is_file()
    assert main([str(run), str(folders["weighted"])]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["comparison.html", "run"]


def test_names_from_files_never_become_markup(folders, tmp_path: Path) -> None:
    hostile = "</script><img src=x onerror=alert(1)>&amp;"
    run = tmp_path / "<b>run"
    shutil.copytree(folders["round-robin"], run)
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["tenants"][0]["tenant"] = metrics["classes"][0]["slo_class"] = hostile
    metrics["notes"] = [hostile]
    (run / "metrics.json").write_text(json.dumps(metrics))

    page = page_of([run, folders["weighted"]], tmp_path / "page.html")

    assert not {"img", "b"} & {tag for tag, _ in page.tags}
    assert page.row(hostile)[1] == "<b>run"
    assert page.words.count(hostile) >= 3


def test_figures_recomputed_from_the_requests_are_those_of_the_metrics(folders) -> None:
    for path in folders.values():
        run = run_of(path)
        for measure in MEASURES:
            if measure.sample is None:
                continue
            values = samples(run.requests)[measure.sample]
            counted = values[~np.isnan(values)]
            found = None
            if len(counted):
                found = counted.mean() if measure.percent is None else np.percentile(counted, measure.percent)
            assert found == (None if run.metrics[measure.key] is None else pytest.approx(run.metrics[measure.key]))


@pytest.mark.parametrize("percent", [None, 0, 37.5, 50, 99, 100])
def test_weighted_statistic_is_that_of_repeated_values(percent: float | None) -> None:
    random = np.random.default_rng(1)
    values = np.sort(random.exponential(size=50))
    weights = random.integers(0, 4, 50).astype(float)
    repeated = np.repeat(values, weights.astype(int))

    expected = repeated.mean() if percent is None else np.percentile(repeated, percent)

    assert weighted_statistic(values, weights, np.cumsum(weights), percent) == pytest.approx(expected, rel=1e-12)


def test_weighted_statistic_of_nothing_does_not_exist() -> None:
    nothing = np.zeros(2)

    assert np.isnan(weighted_statistic(np.ones(2), nothing, np.cumsum(nothing), 50))
    assert np.isnan(weighted_statistic(np.empty(0), np.empty(0), np.empty(0), None))


def synthetic(run: RunFolder, ttft_ms: np.ndarray, late_us: float = 0.0) -> RunFolder:
    """The run as if its requests had all completed, with these TTFTs, and had arrived so much later."""
    table, n = run.requests, run.requests.num_rows
    for name, values in {
        "ttft_ms": ttft_ms,
        "status": ["completed"] * n,
        "meets_slo": [True] * n,
        "arrival_us": table["arrival_us"].to_numpy() + late_us,
    }.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
    metrics = {**run.metrics, "ttft_mean_ms": float(ttft_ms.mean())}
    return replace(run, requests=table, metrics=metrics)


def test_paired_intervals_cancel_what_the_requests_have_in_common(folders) -> None:
    run = run_of(folders["weighted"])
    ttft_ms = np.random.default_rng(3).exponential(100.0, 300)
    baseline, slower = synthetic(run, ttft_ms), synthetic(run, ttft_ms + 5.0)

    comparison = compare(baseline, slower)

    assert comparison.is_paired
    assert comparison.differences["ttft_mean_ms"] == pytest.approx((5.0, 5.0, 5.0))
    assert comparison.differences["ttft_mean_ms"].is_clear


def test_unpaired_interval_has_the_width_of_normal_theory(folders) -> None:
    run = run_of(folders["weighted"])
    ttft_ms = np.random.default_rng(3).exponential(100.0, 300)
    baseline, slower = synthetic(run, ttft_ms), synthetic(run, ttft_ms + 5.0, late_us=1.0)

    comparison = compare(baseline, slower)
    value, low, high = comparison.differences["ttft_mean_ms"]

    assert not comparison.is_paired
    assert value == pytest.approx(5.0)
    expected = 2 * 1.96 * np.sqrt(2 / 300) * ttft_ms.std()
    assert high - low == pytest.approx(expected, rel=0.15)  # of 1,000 resamples, whose bounds scatter by some 5 %
    assert not comparison.differences["ttft_mean_ms"].is_clear


def test_interval_covers_the_truth_as_often_as_it_says(folders) -> None:
    run = run_of(folders["weighted"])
    random = np.random.default_rng(11)
    covered = 0
    for _ in range(20):
        baseline = synthetic(run, random.normal(100.0, 10.0, 300))
        slower = synthetic(run, baseline.requests["ttft_ms"].to_numpy() + random.normal(2.0, 5.0, 300))
        _, low, high = compare(baseline, slower).differences["ttft_mean_ms"]
        covered += low <= 2.0 <= high

    assert covered >= 15  # of 20 at 95 %: fewer has a probability of 0.0003


def test_comparison_shows_differences_settings_and_warnings(folders, tmp_path: Path) -> None:
    names = ("round-robin", "weighted", "rejecting", "other-seed")
    page = page_of([folders[name] for name in names], tmp_path / "page.html")
    metrics = [json.loads((folders[name] / "metrics.json").read_text()) for name in names]

    row = page.row("within SLO targets")
    points = 100 * (metrics[2]["slo_attainment"] - metrics[0]["slo_attainment"])
    assert row[7] == f"{points:+.1f} pp"
    assert page.row("good requests/s")[4:6] == ["–", "–"]
    assert page.row("rejected")[9] == "worse"
    assert page.row("routing.policy")[1:3] == ["round-robin", "weighted"]
    assert page.row("seed")[1:] == ["42", "42", "42", "7"]
    assert "weighted: paired, both runs met the same requests" in page.words
    assert "other-seed met other requests than round-robin" in page.words
    assert "rejecting and round-robin completed different shares" in page.words
    assert "weighted and round-robin completed different shares" not in page.words


def test_mean_over_time_of_known_intervals() -> None:
    edges = np.array([0.0, 10.0, 20.0, 30.0])

    means = means_over_time(np.array([0.0, 5.0, 12.0]), np.array([5.0, 25.0, 12.0]), np.array([2.0, 4.0, 9.0]), edges)

    np.testing.assert_allclose(means, [(2 * 5 + 4 * 5) / 10, 4.0, 4 * 5 / 10])


def test_load_over_time_averages_to_the_metrics(folders) -> None:
    run = run_of(folders["round-robin"])
    load = load_over_time(run)
    untraced = load_over_time(replace(run, batches=None))

    assert load.kv_use is not None
    assert untraced.kv_use is None
    for place, block in enumerate(run.metrics["instances"]):
        # what a request frees in the middle of a sample shows in the next one
        assert load.kv_use[place].mean() == pytest.approx(block["kv_mean_use"], rel=0.03)
    # Little's law: requests in the system on average are the sum of their times in it over the time of the run. Some
    # reach their users after the last event.
    arrival_us = run.requests["arrival_us"].to_numpy()
    times_us = np.minimum(1e3 * samples(run.requests)["e2e"], run.end_us - arrival_us)
    in_system = (untraced.queue + untraced.batch).mean(axis=1).sum()
    assert in_system == pytest.approx(np.nansum(times_us) / run.end_us, rel=1e-9)


def test_unfinished_requests_stay_in_the_queue_or_the_batch(folders) -> None:
    run = run_of(folders["cut"])
    load = load_over_time(replace(run, batches=None))

    assert run.metrics["running_requests"] > 0
    at_end = load.queue[:, -1].sum() + load.batch[:, -1].sum()
    assert at_end == pytest.approx(run.metrics["running_requests"] + run.metrics["queued_requests"], rel=0.1)


def test_routing_shares_are_of_those_that_were_routed(folders) -> None:
    for name in ("round-robin", "crowded", "rejecting"):
        edges_s, shares = routing_shares(run_of(folders[name]))
        total = shares.sum(axis=0)
        assert shares.shape == (4, len(edges_s) - 1)
        np.testing.assert_allclose(total[~np.isnan(total)], 1.0)
    assert np.nanmax(routing_shares(run_of(folders["crowded"]))[1]) == 1.0


def test_rollout_regret_is_that_of_the_explanation(folders) -> None:
    run = run_of(folders["weighted"])
    assert run.explanation is not None
    assert run.rollouts is not None
    told = run.explanation["regret"]["rollout"]

    for column, key in (("ttft_change_ms", "ttft"), ("e2e_change_ms", "e2e")):
        regret_ms = rollout_regret_ms(run.rollouts, column)
        assert len(regret_ms) == told["decisions"]
        assert regret_ms.mean() == pytest.approx(told[f"{key}_mean_ms"])
        assert regret_ms.max() == pytest.approx(told[f"{key}_max_ms"])


def test_rollout_regret_is_unknown_where_no_pair_of_futures_has_the_time() -> None:
    rollouts = pa.table(
        {
            "decision": ["routing"] * 5 + ["admission"],
            "request": [1.0, 1.0, 2.0, 3.0, 3.0, 4.0],
            "ttft_change_ms": [-2.0, None, None, 5.0, 1.0, -9.0],
        }
    )

    np.testing.assert_array_equal(rollout_regret_ms(rollouts, "ttft_change_ms"), [2.0, np.nan, 0.0])


def test_thinned_curve_is_the_curve() -> None:
    values = np.sort(np.random.default_rng(5).lognormal(size=200_000))

    x, hundredths = thinned(values)

    assert len(x) <= MOST_POINTS
    np.testing.assert_allclose(x[-100:], values[-100:], rtol=1e-6)
    assert hundredths[-1] == 100
    everywhere = np.interp(np.log(values), np.log(x), hundredths)
    assert np.abs(everywhere - 100 * np.arange(1, 200_001) / 200_000).max() < 0.1


def cut_short(name: str):
    def damage(run: Path) -> None:
        path = run / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def changed_metrics(**changes: object):
    def damage(run: Path) -> None:
        path = run / "metrics.json"
        metrics = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({key: value for key, value in metrics.items() if value != "absent"}))

    return damage


def changed_requests(change):
    def damage(run: Path) -> None:
        parquet.write_table(change(parquet.read_table(run / "requests.parquet")), run / "requests.parquet")

    return damage


DAMAGES = {
    "requests cut short": (cut_short("requests.parquet"), "requests.parquet is damaged, not a Parquet table"),
    "trace cut short": (cut_short("trace/batches.parquet"), "batches.parquet is damaged, not a Parquet table"),
    "metrics cut short": (cut_short("metrics.json"), "metrics.json is damaged, not valid JSON"),
    "explanation cut short": (cut_short("explanation.json"), "explanation.json is damaged, not valid JSON"),
    "no config": (lambda run: (run / "config.yaml").unlink(), "config.yaml is absent"),
    "no yaml": (lambda run: (run / "config.yaml").write_text("a: [1"), "config.yaml is not a valid YAML file"),
    "list": (lambda run: (run / "policies.yaml").write_text("- 1"), "policies.yaml is damaged: it must hold a mapping"),
    "json list": (lambda run: (run / "metrics.json").write_text("[1]"), "must hold a mapping; got list"),
    "json text": (lambda run: (run / "metrics.json").write_bytes(b"\xff"), "must be a text in UTF-8"),
    "nan": (changed_metrics(ttft_p99_ms=float("nan")), "it holds NaN"),
    "infinity": (changed_metrics(ttft_p99_ms=float("inf")), "it holds Infinity"),
    "figure absent": (changed_metrics(ttft_p99_ms="absent"), "ttft_p99_ms is absent"),
    "figure a text": (changed_metrics(ttft_p99_ms="fast"), "ttft_p99_ms is of the wrong kind; got 'fast'"),
    "no instance": (changed_metrics(n_instances=0), "n_instances must be ≥ 1; got 0"),
    "negative time": (changed_metrics(vllm_estimated_duration_s=-1.0), "vllm_estimated_duration_s must be ≥ 0"),
    "groups": (changed_metrics(classes=[3]), "classes[0] must be a mapping; got 3"),
    "other run": (changed_requests(lambda table: table.slice(0, 10)), "of the same run as metrics.json, with 300 rows"),
    "column": (changed_requests(lambda table: table.drop(["ttft_ms"])), "must have the column 'ttft_ms'"),
    "kind": (
        changed_requests(lambda table: table.set_column(11, "e2e_ms", pa.array(["long"] * 300))),
        "requests.parquet is damaged",
    ),
    "place": (
        changed_requests(lambda table: table.set_column(6, "instance", pa.array([9] * 300))),
        "instances must be from 0 to 3",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_folder_is_refused_in_one_line(damage: str, folders, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    shutil.copytree(folders["round-robin"], run)
    make_damage, words = DAMAGES[damage]
    make_damage(run)

    status = main([str(run)])

    err = capsys.readouterr().err
    assert status == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert words in err
    assert not (run / "report.html").exists()


def test_wrong_arguments_are_refused_in_one_line(folders, tmp_path: Path, capsys) -> None:
    good, empty = str(folders["weighted"]), tmp_path / "empty"
    empty.mkdir()
    wrong = {
        (str(tmp_path / "nosuch"),): "there is none at",
        (str(empty),): "RUN_DIR must be a folder that python -m blis.run has written; got",
        (str(folders["weighted"].parent),): f"it holds runs, such as '{folders['crowded']}'",
        (good, good): "is given twice",
        (good, "outptu=x.html"): "report: unknown key 'outptu'; did you mean 'output'?",
        ("output=x.html",): "RUN_DIR must be given",
        (good, "output="): "output must be the path of a file; got ''",
        (good, f"output={empty}"): "output must be the path of a file",
        (good, f"output={tmp_path / 'nosuch' / 'x.html'}"): "cannot be written: No such file or directory",
        (good, "output=a.html", "output=b.html"): "output must be given once",
        tuple([good] * 13): "at most 12 runs fit on a page; got 13",
    }
    for arguments, words in wrong.items():
        capsys.readouterr()
        assert main(arguments) == 2
        err = capsys.readouterr().err
        assert words in err
        assert err.count("\n") == 1


def test_without_plotly_the_extra_is_named(folders, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)

    assert main([str(folders["weighted"])]) == 2
    assert "pip install plotly" in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, blis.report\n"
        "try: blis.report.main(['--help'])\n"
        "except SystemExit as leaving: assert leaving.code == 0\n"
        "print([name for name in ('numpy', 'numba', 'plotly', 'pyarrow', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "RUN_DIR" in done.stdout
    assert done.stdout.endswith("[]\n")
