import json

import numpy as np
import pytest

from blis.foundation.errors import ConfigError
from blis.workload.kinds.vllm_bench import Params, generate

RESULT = {
    "backend": "vllm",
    "num_prompts": 2,
    "request_rate": 1.0,
    "burstiness": 1.0,
    "total_input_tokens": 300,
    "input_lens": [100, 200],
    "output_lens": [40, 50],
}


@pytest.fixture
def load(file):
    def read(seed=1, options=(), **changes):
        document = {key: value for key, value in {**RESULT, **changes}.items() if value is not None}
        path = file("r.json", json.dumps(document))
        return generate(Params.from_mapping("workload", {"path": path, **dict(options)}), seed, 16)

    return read


def test_times_that_were_measured_are_replayed(load):
    requests = load(start_times=[7000.25, 7000.5])

    assert requests.arrival_us.tolist() == [0, 250_000]
    assert requests.input_tokens.tolist() == [100, 200]
    assert requests.output_tokens.tolist() == [40, 50]


def test_without_times_they_are_drawn_at_the_rate_of_the_run(load):
    n = 4000
    lists = {"input_lens": [10] * n, "output_lens": [1] * n}
    poisson, bursty = load(**lists, request_rate=5), load(**lists, request_rate=5, burstiness=0.25)

    assert poisson.arrival_us[-1] / 1e6 == pytest.approx(n / 5, rel=0.06)
    # gamma gaps of shape 1/4 have a CV of 2
    assert np.diff(bursty.arrival_us).std() / np.diff(bursty.arrival_us).mean() == pytest.approx(2, rel=0.1)
    assert poisson.notes == ("the result says no times: they are drawn at 5 requests/s",)
    assert load(**lists).arrival_us.tolist() == load(**lists).arrival_us.tolist()


@pytest.mark.parametrize("rate", ["inf", float("inf")])
def test_an_infinite_rate_sends_all_at_once_unless_a_rate_is_given(load, rate):
    assert load(request_rate=rate).arrival_us.tolist() == [0, 0]
    assert load(request_rate=rate, options={"rate": 2}).arrival_us.tolist() == [0, 500_000]


def test_failed_requests_are_left_out_and_counted(load):
    requests = load(errors=["", "timeout"], start_times=[1, 2])

    assert requests.input_tokens.tolist() == [100]
    assert requests.notes[0] == "1 of 2 requests failed and are left out"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_lens": None}, "must have the lists input_lens and output_lens: save results with --save-detailed."),
        ({"output_lens": [1]}, "must have as many output_lens as input_lens, at least 1; got 1, 2."),
        ({"input_lens": [100, -1]}, "input_lens[1] must be an int in [0, 2147483647] [tokens]; got -1."),
        ({"start_times": [1, -1]}, "start_times[1] must be a finite number in [0, 100000000000] [s]; got -1."),
        ({"request_rate": 0}, "request_rate must be a finite number > 0 [requests/s]; got 0."),
    ],
)
def test_wrong_results_are_refused(load, changes, message):
    with pytest.raises(ConfigError) as error:
        load(**changes)
    assert message in str(error.value)


def test_several_results_in_one_file_are_refused(file):
    path = file("r.jsonl", json.dumps(RESULT) + "\n" + json.dumps(RESULT) + "\n")

    with pytest.raises(ConfigError, match="must be one JSON document; Extra data at line 2"):
        generate(Params.from_mapping("workload", {"path": path}), 1, 16)
