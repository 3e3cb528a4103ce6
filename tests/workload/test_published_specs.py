"""Documents that must load as they are: the published format, the presets, the examples of the documentation."""

from pathlib import Path

import pytest
import yaml

from blis.foundation.errors import ConfigError
from blis.workload.kinds.spec import Params, generate

ROOT = Path(__file__).parents[2]
PRESETS = ("bursty", "unfair", "prefix-heavy", "mixed-slo")
EXAMPLES = [
    path
    for path in sorted((ROOT / "docs" / "examples").glob("*.yaml"))
    if "\nclients:" in path.read_text(encoding="utf-8")
]

EVERY_FIELD = """
version: "1"
seed: 42
category: language
aggregate_rate: 100.0
horizon: 20000000
num_requests: 0
servegen_data: null
clients:
  - id: everything
    tenant_id: tenant-A
    slo_class: ""
    rate_fraction: 0.7
    arrival: {process: gamma, cv: 3.5}
    input_distribution: {type: gaussian, params: {mean: 512, std_dev: 100, min: 10, max: 2048}, file: ""}
    output_distribution: {type: exponential, params: {mean: 128}}
    prefix_group: system-prompt
    streaming: true
    network: {rtt_ms: 2.0, bandwidth_mbps: 1000}
    lifecycle: {windows: [{start_us: 0, end_us: 1000000}, {start_us: 5000000, end_us: 9000000}]}
    multimodal: null
    reasoning:
      reason_ratio_distribution: {type: gaussian, params: {mean: 50, std_dev: 10, min: 0, max: 100}}
      multi_turn: {max_rounds: 5, think_time_us: 1000000, context_growth: accumulate}
  - id: pictures
    tenant_id: tenant-B
    slo_class: realtime
    rate_fraction: 0.3
    arrival: {process: weibull, cv: 2.0}
    input_distribution: {type: exponential, params: {mean: 100}}
    output_distribution: {type: empirical, params: {"10": 0.5, "100": 0.5}}
    multimodal:
      text_distribution: {type: pareto_lognormal, params: {alpha: 1.5, xm: 50, mu: 4, sigma: 1, mix_weight: 0.3}}
      image_distribution: {type: gaussian, params: {mean: 500, std_dev: 50, min: 100, max: 1000}}
      image_count_distribution: {type: gaussian, params: {mean: 2, std_dev: 1, min: 1, max: 4}}
      audio_distribution: {type: exponential, params: {mean: 100}}
      audio_count_distribution: {type: exponential, params: {mean: 1}}
      video_distribution: {type: exponential, params: {mean: 1000}}
      video_count_distribution: {type: exponential, params: {mean: 1}}
"""


def test_a_document_with_every_published_field_loads_unchanged(file, assert_lawful):
    path = file("every.yaml", EVERY_FIELD)
    requests = generate(Params.from_mapping("workload", {"path": str(path)}), 1, 16)

    assert_lawful(requests)
    assert requests.clients == ("everything", "pictures")
    assert requests.round.max() > 0
    assert (requests.video_tokens > 0).any()
    assert requests.prefix_groups == ("system-prompt",)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_give_lawful_requests(name, assert_lawful):
    preset = yaml.safe_load((ROOT / "conf" / "workload" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert preset.pop("kind") == "spec"
    requests = generate(Params.from_mapping("workload", {**preset, "rate": 30.0}), 1, 16)

    assert_lawful(requests)
    assert len(requests) == 1000
    assert requests.arrival_us[-1] == pytest.approx(1000 / 30 * 1e6, rel=0.5)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_of_the_documentation_give_lawful_requests(path, assert_lawful):
    requests = generate(Params.from_mapping("workload", {"path": str(path)}), 1, 16)

    assert_lawful(requests)
    again = generate(Params.from_mapping("workload", {"path": str(path)}), 1, 16)
    for name in ("arrival_us", "input_tokens", "output_tokens", "keys", "after", "think_us"):
        assert getattr(requests, name).tobytes() == getattr(again, name).tobytes()


def test_there_are_examples():
    assert len(EXAMPLES) >= 9


@pytest.mark.parametrize(
    ("wrong", "right", "at", "message"),
    [
        ("rtt_ms: 2.0", "rtt_ms: .nan", "rtt_ms: .nan", r"clients\[0\]\.network\.rtt_ms must be a finite number ≥ 0"),
        (
            "end_us: 9000000",
            "end_us: 1",
            "end_us: 1}]",
            r"clients\[0\]\.lifecycle\.windows\[1\]\.end_us must be an int",
        ),
        ("cv: 2.0", "cv: 11", "cv: 11", r"clients\[1\]\.arrival\.cv must be a finite number"),
        ("horizon: 20000000", "horizon: -1", "horizon: -1", r"horizon must be an int ≥ 0"),
        (
            "slo_class: realtime",
            "slo_clas: realtime",
            "id: pictures",
            r"clients\[1\]: unknown key 'slo_clas'; did you mean",
        ),
    ],
)
def test_errors_in_a_file_name_path_and_line(file, wrong, right, at, message):
    text = EVERY_FIELD.replace(wrong, right)
    assert text.count(at) == 1
    line = text[: text.index(at)].count("\n") + 1
    path = file("every.yaml", text)
    with pytest.raises(ConfigError, match=message) as error:
        Params.from_mapping("workload", {"path": str(path)})

    assert str(error.value).startswith(str(path))
    assert str(error.value).endswith(f"(line {line})")
