import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from blis.foundation.errors import ConfigError, UnknownChoiceError
from blis.foundation.files import conf_folder
from blis.foundation.slo import CLASSES
from blis.foundation.slo_targets import SHIPPED, SloTarget, SloTargets
from blis.scenario import Scenario

Run = Callable[..., Any]
SMALL = ("workload=chatbot", "workload.num_requests=20", "workload.rate=20", "output=json", "hydra.run.dir=out")


def metrics(ran: Any) -> dict[str, Any]:
    assert ran.status == 0, ran.err
    document: dict[str, Any] = json.loads(ran.out)
    return document


def test_the_configuration_shows_the_shipped_targets() -> None:
    shown = yaml.safe_load((conf_folder() / "run.yaml").read_text(encoding="utf-8"))["slo"]

    assert SloTargets.from_mapping("slo", shown) == SHIPPED


def test_every_class_has_a_target_and_urgent_ones_the_tightest() -> None:
    assert all(any(bound is not None for bound in SHIPPED.of(name)) for name in CLASSES)
    urgent, usual = SHIPPED.of("critical"), SHIPPED.of("standard")
    assert urgent.ttft_ms is not None
    assert usual.ttft_ms is not None
    assert urgent.ttft_ms < usual.ttft_ms


def test_a_scenario_without_targets_has_the_shipped_ones_and_with_targets_only_its_own() -> None:
    mapping = {"cluster": {}, "workload": {"kind": "distribution", "preset": "chatbot"}}

    own = Scenario.from_mapping({**mapping, "slo": {"batch": {"e2e_ms": 9}}}).slo

    assert Scenario.from_mapping(mapping).slo == SHIPPED
    assert own.of("batch") == SloTarget(e2e_ms=9.0)
    assert own.of("critical") == own.of("") == SloTarget()


def test_default_holds_for_the_unnamed_class_for_unknown_ones_and_for_null() -> None:
    targets = SloTargets.from_mapping("slo", {"default": {"ttft_ms": 7}, "batch": None, "critical": {"ttft_ms": None}})

    assert {targets.of(name).ttft_ms for name in ("", "gold", "batch", "default")} == {7.0}
    assert targets.of("critical") == SloTarget()


def test_bounds_are_microseconds_and_infinite_without_a_target() -> None:
    targets = SloTargets.from_mapping("slo", {"critical": {"ttft_ms": 0.5, "e2e_ms": 3}})

    assert targets.bounds_us(["critical", ""]).tolist() == [[500.0, math.inf, 3000.0], [math.inf] * 3]
    assert targets.bounds_us([]).shape == (0, 3)


def test_targets_survive_being_written_down() -> None:
    assert SloTargets.from_mapping("slo", SHIPPED.document()) == SHIPPED


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "fast", True, [1]])
def test_a_target_is_a_finite_time_above_zero(value: object) -> None:
    with pytest.raises(ConfigError, match=r"slo.batch.e2e_ms must be a finite number > 0 \[ms\]; got"):
        SloTargets.from_mapping("slo", {"batch": {"e2e_ms": value}})


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"critcal": {}}, "slo: unknown key 'critcal'; did you mean 'critical'"),
        ({"batch": {"e2e": 1}}, "slo.batch: unknown key 'e2e'; did you mean 'e2e_ms'"),
        ({"batch": 5}, "slo.batch must be a mapping"),
        ([], "slo must be a mapping"),
    ],
)
def test_wrong_targets_are_refused_with_their_place(mapping: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SloTargets.from_mapping("slo", mapping)


def test_targets_change_attainment_and_nothing_else(run: Run) -> None:
    loose = metrics(run(*SMALL))
    strict = metrics(run(*SMALL, "slo.default.e2e_ms=0.01"))

    assert (loose["slo_attainment"], strict["slo_attainment"]) == (1.0, 0.0)
    assert loose["goodput_rps"] == loose["responses_per_sec"] == strict["responses_per_sec"]
    assert loose["e2e_p99_ms"] == strict["e2e_p99_ms"]


def test_targets_and_fitness_are_saved_and_rerun_to_the_same_bytes(run: Run, tmp_path: Path) -> None:
    fitness = "throughput:0.5,p99_ttft:0.3,mean_e2e:0.2"
    first = run(*SMALL, "slo.default.e2e_ms=1234", f"fitness={fitness}")

    saved = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text(encoding="utf-8"))
    again = run("--config-dir", "out", "--config-name", "config", "hydra.run.dir=again")

    assert saved["slo"]["default"] == {"ttft_ms": 2000.0, "itl_ms": 200.0, "e2e_ms": 1234.0}
    assert saved["fitness"] == fitness
    assert again.out == first.out
    assert (tmp_path / "again" / "metrics.json").read_bytes() == (tmp_path / "out" / "metrics.json").read_bytes()


def test_the_fitness_of_a_run_is_that_of_its_figures(run: Run) -> None:
    found = metrics(run(*SMALL, "fitness=throughput:0.5,p99_ttft:0.3,mean_e2e:0.2"))

    components = found["fitness"]["components"]
    rate = found["responses_per_sec"]
    assert components == pytest.approx(
        {
            "mean_e2e": 1 / (1 + found["e2e_mean_ms"]),
            "p99_ttft": 1 / (1 + found["ttft_p99_ms"]),
            "throughput": rate / (rate + 100),
        }
    )
    expected = 0.5 * components["throughput"] + 0.3 * components["p99_ttft"] + 0.2 * components["mean_e2e"]
    assert found["fitness"]["score"] == pytest.approx(expected)


def test_without_weights_there_is_no_fitness(run: Run) -> None:
    assert "fitness" not in metrics(run(*SMALL))
    assert "fitness" not in metrics(run(*SMALL, "fitness="))


def test_a_repeated_weight_is_told(run: Run) -> None:
    found = metrics(run(*SMALL, "fitness=throughput:1,throughput:2"))

    assert found["fitness"]["score"] == 2 * found["fitness"]["components"]["throughput"]
    assert found["notes"] == ["fitness: 1 weight(s) replaced by a later one of the same key."]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("fitness=p99_tftt:1", "did you mean 'p99_ttft'"),
        ("fitness=throughput:nan", "fitness.throughput must be a finite number ≥ 0; got nan"),
        ("fitness=throughput:-1", "fitness.throughput must be a finite number ≥ 0; got -1.0"),
        ("fitness=throughput:1,", "every piece between commas must be key:weight"),
        ("fitness={throughput: 1}", "fitness must be a text"),
        ("slo.critcal.ttft_ms=1", "slo: unknown key 'critcal'"),
        ("slo.critical.ttft_ms=0", "slo.critical.ttft_ms must be a finite number > 0 [ms]"),
        ("slo=fast", "slo must be a mapping"),
    ],
)
def test_wrong_weights_and_targets_are_found_before_the_run(run: Run, argument: str, message: str) -> None:
    ran = run(*SMALL, argument)

    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err
    assert not Path("out").exists()


def test_classes_and_tenants_are_shown_where_there_are_several(run: Run) -> None:
    several = ("workload.slo_classes={critical: 1, batch: 1}", "workload.tenants={acme: 1, zeta: 1}")

    one, both = run(*SMALL[:3]), run(*SMALL[:3], *several)

    assert "tenant" not in one.out
    for word in ("critical", "batch", "acme", "zeta"):
        assert word in both.out


def test_an_unknown_class_is_an_unknown_key_not_an_unknown_choice() -> None:
    with pytest.raises(ConfigError) as caught:
        SloTargets.from_mapping("slo", {"": {}})

    assert not isinstance(caught.value, UnknownChoiceError)
