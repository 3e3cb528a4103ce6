"""Scenario files, what of them the command line may replace, and bundles with batch limits."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from blis.policies.bundle import Bundle, bundle_from_mapping, read_bundle, with_limits, write_bundle
from blis.result import simulate
from blis.scenario import Scenario
from blis.scenario_file import ScenarioFile, names, read_scenario

LATENCY = {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [5000, 20, 10]}
SMALL = {
    "tension": "none",
    "saturation_rate": 10.0,
    "load": 0.5,
    "num_requests": 20,
    "cluster": {"instances": 2, "kv_blocks": 1000, "latency": LATENCY},
    "workload": {"kind": "distribution", "preset": "chatbot"},
    "slo": {"default": {"ttft_ms": 100}},
}
_LENGTHS = {
    "input_distribution": {"type": "constant", "params": {"value": 100}},
    "output_distribution": {"type": "constant", "params": {"value": 10}},
}
USERS = {"id": "users", "concurrency": 3, **_LENGTHS}
SENDER = {"id": "sender", "rate_fraction": 1.0, "arrival": {"process": "poisson"}, **_LENGTHS}
#: Changes that make a file of users who wait for their answers.
CLOSED = {
    "saturation_rate": ...,
    "load": ...,
    "workload": {"kind": "spec", "spec": {"clients": [USERS, {**USERS, "id": "others"}]}},
}


def write(folder: Path, name: str = "small", **changes: object) -> str:
    """A scenario file with changes; a key set to ... is left out."""
    document = {key: value for key, value in {**SMALL, **changes}.items() if value is not ...}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document))
    return str(path)


def test_rate_is_load_times_saturation_rate(tmp_path: Path) -> None:
    scenario = read_scenario(write(tmp_path))

    assert scenario.name == "small"
    assert scenario.mapping()["workload"] == {**SMALL["workload"], "rate": 5.0, "num_requests": 20}
    assert scenario.mapping(load=1.2, num_requests=7)["workload"] == {
        **SMALL["workload"],
        "rate": 12.0,
        "num_requests": 7,
    }


def test_other_physics_have_their_own_rate_and_price(tmp_path: Path) -> None:
    pools = [{"count": 1, "latency": LATENCY}, {"count": 2, "hardware": "H100"}]
    cluster = {**SMALL["cluster"], "instances": pools}
    scenario = read_scenario(write(tmp_path, cluster=cluster, saturation_rate={"affine": 10.0, "roofline": 30.0}))

    own, other = scenario.mapping(), scenario.mapping(physics="roofline")

    assert (own["cluster"], own["workload"]["rate"]) == (cluster, 5.0)
    assert other["workload"]["rate"] == 15.0
    assert other["cluster"] == {
        **cluster,
        "instances": [{"count": 1}, {"count": 2, "hardware": "H100"}],
        "latency": {"kind": "roofline"},
    }
    assert scenario.physics == "affine"


def test_physics_without_a_rate_say_how_to_measure(tmp_path: Path) -> None:
    scenario = read_scenario(write(tmp_path))

    with pytest.raises(ConfigError, match=r"under silicon; got affine\. Measure it with .*scenario.physics=silicon"):
        scenario.mapping(physics="silicon")
    with pytest.raises(ConfigError, match=r"scenario\.physics: no choice named 'silicone'; did you mean 'silicon'"):
        scenario.mapping(physics="silicone")


def test_users_meet_any_physics(tmp_path: Path) -> None:
    scenario = read_scenario(write(tmp_path, **CLOSED))

    assert scenario.mapping(physics="roofline")["cluster"]["latency"] == {"kind": "roofline"}


@pytest.mark.parametrize("name", [name for name in names() if name != "closed-chat"])
def test_shipped_scenario_has_measured_prices_and_others(name: str) -> None:
    scenario = read_scenario(name)

    assert scenario.physics == "silicon"
    assert list(scenario.saturation_rates) == ["silicon", "trained-physics", "roofline"]
    pools = scenario.cluster["instances"]
    assert not any("kv_blocks" in part for part in (scenario.cluster, *(pools if isinstance(pools, list) else [])))


def test_mapping_is_a_copy(tmp_path: Path) -> None:
    scenario = read_scenario(write(tmp_path))

    scenario.mapping()["cluster"]["latency"]["beta_us"].append(1)

    assert scenario.mapping()["cluster"] == SMALL["cluster"]


@pytest.mark.parametrize("name", names())
def test_shipped_scenario_runs_alike_each_time(name: str) -> None:
    scenario = read_scenario(name)

    for routing in ("least-loaded", "weighted"):
        mapping = {**scenario.mapping(num_requests=200), "policies": {"routing": routing}, "seed": 7}
        plan = Scenario.from_mapping(mapping)
        first, second = simulate(plan), simulate(plan)
        assert first.metrics() == second.metrics()
        assert first.metrics()["completed_requests"] == 200
    assert scenario.slo
    most = 10_000 if "autoscaling" in mapping["cluster"] else 4000  # what scales by the hour needs a whole day
    assert 1000 <= scenario.num_requests <= most


@pytest.mark.parametrize("name", [name for name in names() if name != "closed-chat"])
def test_load_of_a_shipped_scenario_scales_its_arrivals(name: str) -> None:
    scenario = read_scenario(name)

    spans_us = [
        int(np.ptp(Scenario.from_mapping(scenario.mapping(load, 2000)).requests(1).arrival_us)) for load in (0.5, 2.0)
    ]

    # not quite the factor of four: pauses, tools and days last as long at any rate
    assert 2.0 < spans_us[0] / spans_us[1] < 5.0
    assert scenario.mapping(0.5)["workload"]["rate"] == 0.5 * scenario.saturation_rates["silicon"]


def test_shipped_users_have_no_load() -> None:
    scenario = read_scenario("closed-chat")

    assert (scenario.load, scenario.saturation_rates) == (None, {})
    assert "rate" not in scenario.mapping()["workload"]
    with pytest.raises(ConfigError, match=r"scenario\.load must be left out in closed-chat"):
        scenario.mapping(load=0.9)


def test_every_shipped_scenario_without_a_gateway_has_one_role_in_the_default_suite() -> None:
    document = read_yaml(conf_folder() / "suite" / "default.yaml")

    entries = [entry for role in ("train", "validation", "test") for entry in document[role]["scenarios"]]
    listed = [entry if isinstance(entry, str) else entry["name"] for entry in entries]

    # What asks for a part of the fleet is judged in suites of its own.
    parts = {"autoscaling", "disaggregation", "encoder", "failures", "gateway", "kv_tiers", "lora"}
    others = {name for name in names() if name not in listed}
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(names())
    assert all(parts & set(read_scenario(name).mapping()["cluster"]) for name in others - {"two-models", "cache-scan"})


def test_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"scenario: no choice named 'load-spike'; did you mean 'load-spikes'\?"):
        read_scenario("load-spike")


def test_missing_file_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"scenario must be the path of a file; there is none at 'no/such\.yaml'"):
        read_scenario("no/such.yaml")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tensions": "x"}, "unknown key 'tensions'; did you mean 'tension'"),
        ({"load": ...}, "key 'load' is required"),
        ({"saturation_rate": ...}, "key 'saturation_rate' is required"),
        ({**CLOSED, "load": 0.5}, "load must be left out where every client has a concurrency; got 0.5"),
        ({**CLOSED, "saturation_rate": None}, "saturation_rate must be left out .* got None"),
        (
            {"workload": {"kind": "spec", "spec": {"aggregate_rate": 1, "clients": [USERS, SENDER]}}},
            "workload must have a concurrency on all clients or on none",
        ),
        ({**CLOSED, "workload": {"kind": "spec", "spec": {"clients": []}}}, "clients must be a list of at least one"),
        ({"tension": ""}, "tension must be one line of text; got ''"),
        ({"tension": "one\ntwo"}, "tension must be one line of text"),
        ({"saturation_rate": 0}, "saturation_rate must be a finite number > 0"),
        ({"saturation_rate": float("nan")}, "saturation_rate must be a finite number > 0"),
        ({"saturation_rate": {"afine": 3}}, "saturation_rate: unknown key 'afine'; did you mean 'affine'"),
        ({"saturation_rate": {"roofline": 0}}, "saturation_rate.roofline must be a finite number > 0"),
        ({"slo": {"default": {"ttft_multiple": 0}}}, "slo.default.ttft_multiple must be a finite number > 0"),
        ({"load": -1}, "load must be a finite number > 0"),
        ({"load": float("inf")}, "load must be a finite number > 0"),
        ({"num_requests": 1.5}, "num_requests must be an int"),
        ({"cluster": None}, "cluster must be a mapping"),
        ({"cluster": {"instance": 2}}, "cluster: unknown key 'instance'; did you mean 'instances'"),
        ({"workload": {"kind": "distributions"}}, "workload.kind: no choice named 'distributions'"),
        ({"workload": {"preset": "chatbot"}}, "workload.kind: no choice named None"),
        ({"workload": {"kind": "distribution", "rate": 3}}, "workload.rate must be left out"),
        ({"workload": {"kind": "distribution", "num_requests": 3}}, "workload.num_requests must be left out"),
        ({"workload": {"kind": "distribution", "prompt_tokens_means": 3}}, "unknown key 'prompt_tokens_means'"),
        ({"slo": {"critikal": {}}}, "slo: unknown key 'critikal'; did you mean 'critical'"),
        ({"slo": []}, "slo must be a mapping"),
        ({"horizon_us": 0}, "horizon_us must be an int in"),
    ],
)
def test_wrong_file_is_refused_by_its_path(changes: dict[str, object], words: str, tmp_path: Path) -> None:
    path = write(tmp_path, **changes)

    with pytest.raises(ConfigError, match=words) as raised:
        read_scenario(path)

    assert path in str(raised.value)


def test_unmeasured_scenario_says_how_to_measure(tmp_path: Path) -> None:
    scenario = read_scenario(write(tmp_path, saturation_rate=None))

    measure = r"saturation_rate must be > 0 .* blis.saturation scenario=.*small.yaml scenario.physics=affine"
    with pytest.raises(ConfigError, match=measure):
        scenario.mapping()
    assert scenario.mapping_at_rate(3.0)["workload"]["rate"] == 3.0


@pytest.mark.parametrize(
    ("load", "count", "words"),
    [
        (0, None, "scenario.load must"),
        (float("nan"), None, "scenario.load must"),
        (None, 0, "scenario.num_requests must"),
    ],
)
def test_load_and_count_are_checked(load: float | None, count: int | None, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        read_scenario(write(tmp_path)).mapping(load, count)


def test_paths_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.0,10,5\n")

    scenario = read_scenario(write(tmp_path, workload={"kind": "azure", "path": "log.csv"}))

    assert scenario.workload["path"] == str(tmp_path / "log.csv")


def test_users_are_a_scenario_without_a_rate(tmp_path: Path) -> None:
    scenario = read_scenario(write(tmp_path, **CLOSED))

    result = simulate(Scenario.from_mapping(scenario.mapping(num_requests=50)))
    rows = result.outcome.requests
    ends_us = rows.arrival_us + rows.e2e_us
    under_way = [int(((rows.arrival_us <= now) & (now < ends_us)).sum()) for now in rows.arrival_us]

    assert scenario.mapping()["workload"] == {**CLOSED["workload"], "num_requests": 20}
    assert max(under_way) == 6  # two clients of three users
    with pytest.raises(ConfigError, match="scenario small must have a client without concurrency"):
        scenario.mapping_at_rate(3.0)


def test_users_in_a_file_of_their_own_have_no_rate_either(tmp_path: Path) -> None:
    (tmp_path / "users.yaml").write_text(yaml.safe_dump({"clients": [USERS]}))

    scenario = read_scenario(write(tmp_path, **{**CLOSED, "workload": {"kind": "spec", "path": "users.yaml"}}))

    assert scenario.load is None


def test_run_takes_users_from_the_scenario_and_refuses_a_load(run, tmp_path: Path) -> None:
    path = write(tmp_path, **CLOSED)

    ran = run(f"scenario={path}", "scenario.num_requests=30", "output=json", "hydra.run.dir=here")
    refused = run(f"scenario={path}", "scenario.load=1.5")

    assert json.loads(ran.out)["completed_requests"] == 30
    assert refused.status == 2
    assert "scenario.load must be left out in small" in refused.err


def test_run_takes_cluster_workload_and_targets_from_the_scenario(run, tmp_path: Path) -> None:
    path = write(tmp_path, horizon_us=3_000_000)

    ran = run(f"scenario={path}", "scenario.load=1.5", "scenario.num_requests=30", "hydra.run.dir=here")
    config = yaml.safe_load((tmp_path / "here" / "config.yaml").read_text())

    assert (ran.status, ran.err) == (0, "")
    assert config["cluster"] == SMALL["cluster"]
    assert config["workload"] == {"kind": "distribution", "preset": "chatbot", "rate": 15.0, "num_requests": 30}
    assert config["slo"] == {"default": {"ttft_ms": 100.0, "itl_ms": None, "e2e_ms": None}}
    assert config["horizon_us"] == 3_000_000


def test_command_line_wins_over_the_scenario(run, tmp_path: Path) -> None:
    path = write(tmp_path, cluster={**SMALL["cluster"], "max_running_requests": 4})

    ran = run(
        f"scenario={path}", "cluster.instances=3", "~cluster.max_running_requests", "cluster.latency.beta_us=[1,2,3]",
        "workload.rate=99", "slo.default.e2e_ms=7", "horizon_us=12345", "hydra.run.dir=here",
    )  # fmt: skip
    config = yaml.safe_load((tmp_path / "here" / "config.yaml").read_text())

    assert ran.status == 0
    latency = {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1, 2, 3]}
    assert config["cluster"] == {"instances": 3, "kv_blocks": 1000, "latency": latency}
    assert config["workload"] == {"kind": "distribution", "preset": "chatbot", "rate": 99, "num_requests": 20}
    assert config["slo"]["default"] == {"ttft_ms": 100.0, "itl_ms": None, "e2e_ms": 7.0}
    assert config["horizon_us"] == 12345


def test_bound_of_the_command_line_wins_however_the_scenario_gives_it(run, tmp_path: Path) -> None:
    path = write(tmp_path, slo={"default": {"ttft_multiple": 3, "itl_ms": 50}, "batch": {"e2e_multiple": 2}})

    run(f"scenario={path}", "slo.default.ttft_ms=70", "slo.batch.e2e_ms=9", "hydra.run.dir=ms")
    run("workload=chatbot", "slo.default.ttft_multiple=2", "workload.num_requests=5", "hydra.run.dir=multiple")
    run(f"scenario={path}", "slo.default.itl_multiple=1", "hydra.run.dir=mixed")
    ms, multiple, mixed = (
        yaml.safe_load((tmp_path / name / "config.yaml").read_text())["slo"] for name in ("ms", "multiple", "mixed")
    )

    assert ms["default"] == {"ttft_ms": 70.0, "itl_ms": 50.0, "e2e_ms": None}
    assert ms["batch"]["e2e_ms"] == 9.0
    assert 0 < multiple["default"]["ttft_ms"] < 1000  # not the shipped two seconds
    assert multiple["default"]["itl_ms"] == 200.0
    assert mixed["default"]["itl_ms"] != 50.0


def test_chosen_group_wins_as_a_whole(run, tmp_path: Path) -> None:
    run(f"scenario={write(tmp_path)}", "cluster=llama-8b-mixed", "hydra.run.dir=here")
    config = yaml.safe_load((tmp_path / "here" / "config.yaml").read_text())

    assert config["cluster"]["model"] == "meta-llama/llama-3.1-8b-instruct"
    assert config["workload"]["kind"] == "distribution"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("scenario.physics=roofline",), "scenario.physics needs scenario=NAME; got 'roofline' without one"),
        (
            ("scenario=load-spikes", "scenario.physics=roofline", "cluster.latency.kind=silicon"),
            "scenario.physics sets cluster.latency: give one",
        ),
        (("scenario=load-spikes", "scenario.physics=affine"), "saturation_rate must be > 0 [requests/s] under affine"),
        (("scenario.load=1",), "scenario.load needs scenario=NAME; got 1 without one"),
        (("scenario=load-spikes", "scenario.loads=1"), "scenario: unknown key 'loads'; did you mean 'load'"),
        (("scenario=load-spikes", "scenario.load=1", "workload.rate=3"), "scenario.load sets workload.rate: give one"),
        (("scenario=load-spikes", "scenario.num_requests=9", "workload=azure"), "sets workload.num_requests: give one"),
        (("scenario=load-spikes", "scenario.load=high"), "scenario.load must be a finite number > 0; got 'high'"),
        (("scenario=load-spices",), "did you mean 'load-spikes'"),
    ],
)
def test_wrong_choice_has_status_2(arguments: tuple[str, ...], words: str, run) -> None:
    ran = run(*arguments)

    assert ran.status == 2
    assert words in ran.err
    assert ran.err.count("\n") == 1


def test_saved_configuration_repeats_a_scenario_to_the_byte(run, tmp_path: Path) -> None:
    path = write(tmp_path)
    first = run(f"scenario={path}", "scenario.load=2", "seed=3", "output=json", "hydra.run.dir=here")
    Path(path).unlink()

    second = run("--config-dir", "here", "--config-name", "config", "hydra.run.dir=there")

    assert second.status == 0
    assert second.out == first.out
    for name in ("metrics.json", "requests.parquet", "config.yaml", "policies.yaml"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_scenarios_can_be_swept(run, tmp_path: Path) -> None:
    one, other = write(tmp_path, "one"), write(tmp_path, "other", num_requests=21)

    ran = run(f"scenario={one},{other}", "-m", "hydra.sweep.dir=sweep")
    counts = [json.loads((tmp_path / "sweep" / job / "metrics.json").read_text())["injected_requests"] for job in "01"]

    assert ran.status == 0
    assert counts == [20, 21]


def test_bundle_keeps_its_limits(tmp_path: Path) -> None:
    bundle = Bundle({"scheduling": {"policy": "sjf"}}, limits={"step_token_budget": 512, "max_running_requests": 8})

    write_bundle(bundle, tmp_path / "bundle.yaml")

    assert read_bundle(tmp_path / "bundle.yaml") == bundle


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"kv_blocks": 9}, "b: limits: unknown key 'kv_blocks'"),
        ({"max_running_requests": 0}, "b: limits.max_running_requests must be an int in"),
        ({"step_token_budget": 0}, "b: limits.step_token_budget must be an int in"),
        ({"long_prefill_threshold_tokens": -1}, "b: limits.long_prefill_threshold_tokens must be an int in"),
        ({"step_token_budget": float("nan")}, "b: limits.step_token_budget must be an int in"),
        ({"step_token_budget": None}, "b: limits.step_token_budget must be an int in"),
        (7, "b: limits must be a mapping"),
    ],
)
def test_wrong_limits_are_refused(limits: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        bundle_from_mapping("b", {"version": 1, "limits": limits})


def test_limits_reach_every_pool() -> None:
    cluster = {"max_running_requests": 9, "instances": [{"count": 1, "max_running_requests": 3}, {"count": 2}]}

    limited = with_limits(cluster, {"max_running_requests": 5})

    assert limited == {"max_running_requests": 5, "instances": [{"count": 1}, {"count": 2}]}
    assert cluster["instances"] == [{"count": 1, "max_running_requests": 3}, {"count": 2}]
    assert with_limits(cluster, {}) == cluster


def test_run_applies_the_limits_of_a_bundle_and_writes_them_back(run, tmp_path: Path) -> None:
    (tmp_path / "bundle.yaml").write_text("version: 1\nscheduling: sjf\nlimits: {max_running_requests: 1}\n")
    path = write(tmp_path)

    plain = run(f"scenario={path}", "scheduling=sjf", "output=json", "hydra.run.dir=plain")
    limited = run(f"scenario={path}", "policies=bundle.yaml", "output=json", "hydra.run.dir=limited")
    by_hand = run(
        f"scenario={path}", "scheduling=sjf", "cluster.max_running_requests=1", "output=json", "hydra.run.dir=x"
    )
    again = run(f"scenario={path}", "policies=limited/policies.yaml", "output=json", "hydra.run.dir=again")

    results = [json.loads(ran.out) | {"notes": []} for ran in (plain, limited, by_hand, again)]
    assert results[1] == results[2] == results[3] != results[0]
    assert yaml.safe_load((tmp_path / "limited" / "policies.yaml").read_text())["limits"] == {"max_running_requests": 1}
    assert json.loads(limited.out)["notes"] == [
        "policies: bundle.yaml answers scheduling, and limits max_running_requests."
    ]


def test_file_is_a_value(tmp_path: Path) -> None:
    path = write(tmp_path)

    assert read_scenario(path) == read_scenario(Path(path))
    assert isinstance(read_scenario(path), ScenarioFile)
