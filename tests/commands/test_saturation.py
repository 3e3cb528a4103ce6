"""The saturation rate: against capacities that are known, and what the command prints and refuses."""

import json
import math
from pathlib import Path

import pytest
import yaml

from blis import saturation
from blis.capacity.stability import Probe, doubts, probe, saturation_rate
from blis.foundation.errors import ConfigError
from blis.saturation import SaturationSettings
from blis.scenario_file import read_scenario

#: One request at a time: a prompt of 100 takes one step of 1,000 + 100 · 10 µs, ten more tokens 1,000 + 100 µs each.
SERVICE_US = 2_000 + 10 * 1_100
CAPACITY = 1e6 / SERVICE_US  #: 76.9 requests/s


def write_single_server(folder: Path, arrival: str, instances: int = 1) -> str:
    lengths = {
        f"{part}_tokens_{key}": 0 if key == "stdev" else value
        for part, value in (("prompt", 100), ("output", 11))
        for key in ("mean", "stdev", "min", "max")
    }
    document = {
        "tension": "none",
        "saturation_rate": None,
        "load": 1.0,
        "num_requests": 100,
        "cluster": {
            "instances": instances,
            "kv_blocks": 100,
            "max_running_requests": 1,
            "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1000, 10, 100]},
        },
        "workload": {"kind": "distribution", "arrival": arrival, **lengths},
        "slo": {"default": {"e2e_ms": 2 * SERVICE_US / 1000}},
    }
    path = folder / "single.yaml"
    path.write_text(yaml.safe_dump(document))
    return str(path)


def settings(scenario: str, **changes: object) -> SaturationSettings:
    given = {"num_requests": 5000, "seeds": [1, 2], "precision": 0.01, "loads": [0.5, 1.5], "output": "text"}
    return SaturationSettings.from_mapping({"scenario": {"name": scenario}, "plots": False, **given, **changes})


@pytest.mark.parametrize("instances", [1, 3])
@pytest.mark.parametrize("arrival", ["constant", "poisson"])
def test_single_server_saturates_at_the_inverse_of_its_service_time(
    arrival: str, instances: int, tmp_path: Path
) -> None:
    path = write_single_server(tmp_path, arrival, instances)

    measured = saturation.measure(settings(path), read_scenario(path))

    assert measured["saturation_rate"] == pytest.approx(instances * CAPACITY, rel=0.02)


def write_sessions(folder: Path) -> str:
    """A server that takes one request at a time, and closed sessions of five requests as long as each other."""
    path = Path(write_single_server(folder, "poisson"))
    document = yaml.safe_load(path.read_text())
    client = {
        "rate_fraction": 1.0,
        "arrival": {"process": "poisson"},
        "loop": "closed",
        "sessions": {"rounds": 5, "think_time_ms": 300, "context_growth": "none"},
        "input_distribution": {"type": "constant", "params": {"value": 100}},
        "output_distribution": {"type": "constant", "params": {"value": 11}},
    }
    document["workload"] = {"kind": "spec", "spec": {"aggregate_rate": 1, "clients": [client]}}
    path.write_text(yaml.safe_dump(document))
    return str(path)


def test_sessions_that_wait_for_answers_saturate_where_requests_do(tmp_path: Path) -> None:
    path = write_sessions(tmp_path)

    measured = saturation.measure(settings(path, num_requests=20000), read_scenario(path))

    assert measured["saturation_rate"] == pytest.approx(CAPACITY, rel=0.03)
    assert measured["sweep"][-1]["throughput"] == pytest.approx(CAPACITY, rel=0.03)  # at 1.5 times the rate
    assert measured["notes"] == []


def test_late_rounds_of_an_overloaded_cluster_count_as_missing(tmp_path: Path) -> None:
    overloaded = probe(read_scenario(write_sessions(tmp_path)), 2 * CAPACITY, 5000, (1,))

    assert overloaded.share == pytest.approx(0.5, rel=0.05)


def test_above_saturation_throughput_stays_and_goodput_collapses(tmp_path: Path) -> None:
    path = write_single_server(tmp_path, "poisson")

    below, above = saturation.measure(settings(path), read_scenario(path))["sweep"]

    assert below["throughput"] == pytest.approx(below["rate"], rel=0.01)
    # M/D/1 (Erlang 1909): the wait is at most one service time D, so E2E at most 2 D, with probability (1 - ρ) e^ρ
    utilisation = below["rate"] / CAPACITY
    assert below["goodput"] / below["rate"] == pytest.approx((1 - utilisation) * math.exp(utilisation), rel=0.03)
    assert above["throughput"] == pytest.approx(CAPACITY, rel=0.02)
    assert above["goodput"] < 0.05 * above["rate"]
    assert above["ttft_p99_ms"] > 100 * below["ttft_p50_ms"]


def test_a_backlog_that_is_served_after_the_last_arrival_does_not_count(tmp_path: Path) -> None:
    path = write_single_server(tmp_path, "constant")

    overloaded = probe(read_scenario(path), 2 * CAPACITY, 2000, (1,))

    assert overloaded.share == pytest.approx(0.5, rel=0.01)
    assert not overloaded.keeps_up


@pytest.mark.parametrize("start", [0.01, 9.0, 5000.0])
def test_any_first_guess_leads_to_the_same_rate(start: float) -> None:
    def probe_at(rate: float) -> Probe:
        return Probe(rate, min(1.0, 42.0 / rate), 0.0, None, None)

    assert saturation_rate(probe_at, start, 0.001) == pytest.approx(42.0, rel=0.002)


@pytest.mark.parametrize(("share", "words"), [(0.1, "must carry some arrival rate"), (1.0, "enough to fill")])
def test_search_without_an_answer_ends(share: float, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        saturation_rate(lambda rate: Probe(rate, share, 0.0, None, None), 10.0, 0.01)


def test_written_rate_is_measured_again() -> None:
    scenario = read_scenario("cache-warmup")

    measured = saturation.measure(settings("cache-warmup", num_requests=8000), scenario)

    assert measured["notes"] == []
    assert measured["saturation_rate"] == pytest.approx(scenario.saturation_rates["silicon"], rel=0.03)


def test_runs_too_short_to_fill_the_cluster_are_noted() -> None:
    scenario = read_scenario("stale-signals")

    short = saturation.measure(settings("stale-signals", num_requests=4000, seeds=[1]), scenario)

    assert "the runs are too short to fill the cluster" in short["notes"][0]
    assert short["saturation_rate"] < 0.8 * scenario.saturation_rates["silicon"]


def test_throughput_that_falls_under_overload_is_noted() -> None:
    (doubt,) = doubts(10.0, Probe(15.0, 0.5, 0.0, None, None))

    assert doubt.startswith("under overload only 0.75 times as much is completed")


def run_saturation(*arguments: str) -> int:
    return saturation.main(["hydra.run.dir=here", "num_requests=500", "seeds=[1]", *arguments])


def test_command_prints_the_line_for_the_file_and_draws(tmp_path: Path, monkeypatch, capsys) -> None:
    path = write_single_server(tmp_path, "constant")
    monkeypatch.chdir(tmp_path)

    status = run_saturation(f"scenario={path}")
    printed = capsys.readouterr()

    assert (status, printed.err) == (0, "")
    assert printed.out.startswith("single: saturation_rate: 7")
    assert (tmp_path / "here" / "saturation.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(file.name for file in (tmp_path / "here").iterdir()) == ["saturation.json", "saturation.png"]


def test_line_holds_the_rates_of_other_physics_too(tmp_path: Path, monkeypatch, capsys) -> None:
    path = write_single_server(tmp_path, "constant")
    document = yaml.safe_load(Path(path).read_text())
    document["cluster"] |= {"model": "qwen/qwen2.5-7b-instruct", "hardware": "H100", "tensor_parallel": 1}
    Path(path).write_text(yaml.safe_dump({**document, "saturation_rate": 77.0}))
    monkeypatch.chdir(tmp_path)

    assert run_saturation(f"scenario={path}", "scenario.physics=roofline", "plots=false") == 0
    first, second, *_ = capsys.readouterr().out.splitlines()

    line = yaml.safe_load(first.removeprefix("single: "))
    assert line["saturation_rate"] == {"affine": 77.0, "roofline": pytest.approx(33, abs=10)}
    assert second == "in the file: nothing yet"


def test_json_is_the_file_and_the_same_each_time(tmp_path: Path, monkeypatch, capsys) -> None:
    path = write_single_server(tmp_path, "poisson")
    monkeypatch.chdir(tmp_path)
    printed = []

    for _ in range(2):
        assert run_saturation(f"scenario={path}", "output=json", "plots=false") == 0
        printed.append(capsys.readouterr().out)

    assert printed[0] == printed[1] == (tmp_path / "here" / "saturation.json").read_text()
    document = json.loads(printed[0])
    rates = [row["rate"] for row in document["search"]]
    assert rates == sorted(rates)
    assert (document["physics"], document["written_rates"]) == ("affine", {})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "scenario must be given; add scenario=NAME"),
        (("scenario=stale-signal",), "did you mean 'stale-signals'"),
        (("scenario=closed-chat",), "scenario closed-chat must have a client without concurrency"),
        (("scenario=stale-signals", "seeds=[]"), "seeds must be a list of at least one number"),
        (("scenario=stale-signals", "seeds=[-1]"), r"seeds[0] must be an int ≥ 0"),
        (("scenario=stale-signals", "loads=[0]"), r"loads[0] must be a finite number > 0"),
        (("scenario=stale-signals", "loads=[nan]"), r"loads[0] must be a finite number > 0"),
        (("scenario=stale-signals", "precision=0"), "precision must be a finite number in [0.0001, 0.5]"),
        (("scenario=stale-signals", "num_requests=10"), "num_requests must be an int ≥ 100"),
        (("scenario=stale-signals", "plots=maybe"), "plots must be true or false"),
        (("scenario=stale-signals", "output=xml"), "output: no choice named 'xml'"),
        (("scenario=stale-signals", "seed=3"), "unknown key 'seed'; did you mean 'seeds'"),
        (("scenario=stale-signals", "scenario.load=3"), "scenario: unknown key 'load'"),
    ],
)
def test_wrong_input_has_status_2_and_leaves_nothing(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)

    status = run_saturation(*arguments)
    error = capsys.readouterr().err

    assert status == 2
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "here").exists()


def test_a_full_disk_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(saturation, "measure", lambda *_: {"x": 1, "notes": []})
    monkeypatch.setattr(saturation, "_print_text", lambda _: None)
    path = write_single_server(tmp_path, "poisson")
    written = Path.write_text

    def full(self: Path, text: str, **options: str) -> int:
        written(self, text[:5], **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)

    assert saturation.main([f"scenario={path}", "plots=false", f"hydra.run.dir={tmp_path / 'out'}"]) == 2

    file = tmp_path / "out" / "saturation.json"
    told = f"error: hydra.run.dir: '{file}' cannot be written: No space left on device.\n"
    assert capsys.readouterr().err == told
    assert not (tmp_path / "out").exists()
