import math

import numpy as np
import pytest
from scipy import stats

from blis.foundation.errors import ConfigError
from blis.workload.kinds.distribution import Params, generate


def requests_of(seed=1, block_size=16, **mapping):
    return generate(Params.from_mapping("workload", mapping), seed, block_size)


def test_table_is_lawful(assert_lawful):
    assert_lawful(requests_of(num_requests=500, prefix_groups=3, prefix_tokens=40, prefix_share=0.5))


def test_one_request_is_enough(assert_lawful):
    assert_lawful(requests_of(num_requests=1))


def test_same_seed_gives_the_same_bytes():
    one, two, other = requests_of(7), requests_of(7), requests_of(8)

    assert one.arrival_us.tobytes() == two.arrival_us.tobytes()
    assert one.input_tokens.tobytes() == two.input_tokens.tobytes()
    assert one.input_tokens.tobytes() != other.input_tokens.tobytes()


def test_poisson_arrivals_are_the_default():
    gaps_us = np.diff(requests_of(rate=40, num_requests=20_000).arrival_us, prepend=0)

    assert stats.kstest(gaps_us, stats.expon(scale=25_000).cdf).pvalue > 0.01


def test_constant_arrivals_start_at_zero_and_are_rounded_once():
    arrival_us = requests_of(rate=3, num_requests=4, arrival="constant").arrival_us

    assert arrival_us.tolist() == [0, 333_333, 666_667, 1_000_000]


def test_gamma_bursts_are_not_flattened_at_high_rates():
    # at 200 000 requests/s the mean gap is 5 µs; gaps of whole microseconds ≥ 1 would lower the cv
    times_us = requests_of(rate=200_000, num_requests=300_000, arrival="gamma", cv=3.5).arrival_us

    assert times_us[-1] == pytest.approx(300_000 * 5, rel=0.03)
    gaps_us = np.diff(times_us)
    assert gaps_us.std() / gaps_us.mean() == pytest.approx(3.5, rel=0.05)


def test_lengths_are_clamped_normal():
    requests = requests_of(num_requests=50_000, prompt_tokens_mean=1000, prompt_tokens_stdev=100, prompt_tokens_min=900)

    assert requests.input_tokens.min() == 900
    assert np.median(requests.input_tokens) == pytest.approx(1000, abs=3)
    assert (requests.input_tokens == 900).mean() == pytest.approx(stats.norm.cdf(-0.995), abs=0.005)


def test_a_prompt_has_at_least_one_token_and_an_output_may_have_none():
    requests = requests_of(
        prompt_tokens_mean=0,
        prompt_tokens_min=0,
        prompt_tokens_max=1,
        output_tokens_mean=0,
        output_tokens_min=0,
        output_tokens_max=0,
    )

    assert set(requests.input_tokens.tolist()) == {1}
    assert set(requests.output_tokens.tolist()) == {0}


@pytest.mark.parametrize(
    ("preset", "prompt", "output"),
    [
        ("chatbot", (256, 100, 2, 800), (256, 100, 1, 1024)),
        ("contentgen", (1024, 150, 10, 2048), (1024, 200, 10, 2048)),
        ("summarization", (4096, 500, 100, 8192), (512, 150, 10, 2048)),
        ("multidoc", (10240, 1200, 500, 20480), (1536, 300, 50, 4096)),
    ],
)
def test_presets_hold_the_published_figures(preset, prompt, output):
    params = Params.from_mapping("workload", {"preset": preset})

    figures = [getattr(params, f"prompt_tokens_{figure}") for figure in ("mean", "stdev", "min", "max")]
    assert tuple(figures) == prompt
    figures = [getattr(params, f"output_tokens_{figure}") for figure in ("mean", "stdev", "min", "max")]
    assert tuple(figures) == output


def test_explicit_keys_override_a_preset():
    params = Params.from_mapping("workload", {"preset": "chatbot", "output_tokens_mean": 300})

    assert params.output_tokens_mean == 300
    assert params.prompt_tokens_mean == 256


def test_prefix_comes_on_top_of_the_drawn_prompt():
    plain = requests_of(num_requests=50)
    prefixed = requests_of(num_requests=50, prefix_groups=2, prefix_tokens=64)

    assert (prefixed.input_tokens - plain.input_tokens).tolist() == [64] * 50
    assert prefixed.n_keys == 2 * 4  # two groups of four blocks of 16
    assert prefixed.prefix_groups == ("group-0", "group-1")


def test_prefix_share_is_the_fraction_of_members():
    requests = requests_of(num_requests=20_000, prefix_groups=4, prefix_tokens=16, prefix_share=0.25)

    assert (requests.prefix_group >= 0).mean() == pytest.approx(0.25, abs=0.01)
    assert (requests.prefix_tokens == np.where(requests.prefix_group >= 0, 16, 0)).all()


def test_labels_come_in_proportion_to_their_weights():
    requests = requests_of(num_requests=20_000, slo_classes={"critical": 1, "standard": 4}, tenants={"a": 3, "b": 1})

    assert requests.slo_classes == ("critical", "standard")
    assert (requests.slo_class == 0).mean() == pytest.approx(0.2, abs=0.01)
    assert (requests.tenant == 0).mean() == pytest.approx(0.75, abs=0.01)


def test_another_column_does_not_move_the_draws():
    plain = requests_of(num_requests=50)
    changed = requests_of(num_requests=50, prefix_groups=2, prefix_tokens=64, tenants={"a": 1, "b": 1}, arrival="gamma")

    assert plain.output_tokens.tolist() == changed.output_tokens.tolist()


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"rate": 0}, "workload.rate must be a finite number > 0 [requests/s]; got 0."),
        ({"rate": -1.0}, "workload.rate must be a finite number > 0 [requests/s]; got -1.0."),
        ({"rate": math.nan}, "workload.rate must be a finite number > 0 [requests/s]; got nan."),
        ({"rate": math.inf}, "workload.rate must be a finite number > 0 [requests/s]; got inf."),
        ({"rate": "10"}, "workload.rate must be a finite number > 0 [requests/s]; got '10'."),
        ({"rate": True}, "workload.rate must be a finite number > 0 [requests/s]; got True."),
        ({"num_requests": 0}, "workload.num_requests must be an int in [1, 100000000]; got 0."),
        ({"num_requests": 1.5}, "workload.num_requests must be an int in [1, 100000000]; got 1.5."),
        ({"num_request": 1}, "workload: unknown key 'num_request'; did you mean 'num_requests'?"),
        ({"arrival": "uniform"}, "workload.arrival: no choice named 'uniform'"),
        ({"cv": 2}, "workload.cv has no meaning for arrival 'poisson'; got 2."),
        ({"arrival": "gamma", "cv": 0}, "workload.cv must be a finite number in [1e-06, 1000]; got 0."),
        ({"preset": "chatbox"}, "workload.preset: no choice named 'chatbox'; did you mean 'chatbot'?"),
        (
            {"prompt_tokens_mean": 8000},
            "workload.prompt_tokens_mean must be a finite number in [2, 7000] [tokens]; got 8000.",
        ),
        (
            {"output_tokens_stdev": -1},
            "workload.output_tokens_stdev must be a finite number ≥ 0 [tokens]; got -1.",
        ),
        (
            {"prompt_tokens_min": -1},
            "workload.prompt_tokens_min must be an int in [0, 2147483647] [tokens]; got -1.",
        ),
        (
            {"prompt_tokens_max": 1},
            "workload.prompt_tokens_max must be an int in [2, 2147483647] [tokens]; got 1.",
        ),
        (
            {"prefix_groups": 2},
            "workload.prefix_groups and workload.prefix_tokens must be given together; got 2 and 0.",
        ),
        (
            {"prefix_tokens": 2},
            "workload.prefix_groups and workload.prefix_tokens must be given together; got 0 and 2.",
        ),
        ({"prefix_share": 1.1}, "workload.prefix_share must be a finite number in [0, 1]; got 1.1."),
        ({"slo_classes": {"urgent": 1}}, "workload.slo_classes: no choice named 'urgent'"),
        ({"slo_classes": ["critical"]}, "workload.slo_classes must be a mapping of names to weights"),
        ({"tenants": {"a": 0}}, "workload.tenants must have at least one weight > 0; got {'a': 0}."),
        ({"tenants": {"a": -1}}, "workload.tenants.a must be a finite number ≥ 0; got -1."),
    ],
)
def test_wrong_parameters_are_refused(mapping, message):
    with pytest.raises(ConfigError) as error:
        Params.from_mapping("workload", mapping)

    assert str(error.value).startswith(message)


def test_a_rate_that_runs_past_the_clock_is_refused():
    with pytest.raises(ConfigError, match=r"workload.rate: arrivals must stay below 2\*\*62 µs"):
        requests_of(rate=1e-300)


def test_a_block_size_of_zero_is_refused():
    with pytest.raises(ConfigError, match=r"block_size_tokens must be an int ≥ 1 \[tokens\]; got 0."):
        requests_of(block_size=0)
