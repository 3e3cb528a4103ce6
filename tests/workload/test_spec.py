import copy
import math

import numpy as np
import pytest
import yaml
from scipy import stats

from blis.foundation.errors import ConfigError
from blis.workload.kinds.spec import Params, generate

CLIENT = {
    "id": "one",
    "tenant_id": "a",
    "slo_class": "batch",
    "rate_fraction": 1,
    "arrival": {"process": "poisson"},
    "input_distribution": {"type": "exponential", "params": {"mean": 100}},
    "output_distribution": {"type": "constant", "params": {"value": 5}},
}


def document(*clients, **keys):
    given = [{**copy.deepcopy(CLIENT), **client} for client in clients or ({},)]
    return {"version": "1", "aggregate_rate": 100.0, "num_requests": 1000, "clients": given, **keys}


def requests_of(spec, seed=1, block_size=16, **mapping):
    return generate(Params.from_mapping("workload", {"spec": spec, **mapping}), seed, block_size)


def test_table_is_lawful(assert_lawful):
    assert_lawful(requests_of(document({}, {"prefix_group": "g", "prefix_length": 70})))


def test_file_and_inline_mapping_are_the_same(file):
    path = file("w.yaml", yaml.safe_dump(document()))
    from_file = generate(Params.from_mapping("workload", {"path": str(path)}), 1, 16)

    assert from_file.arrival_us.tolist() == requests_of(document()).arrival_us.tolist()


def test_cap_is_applied_after_the_clients_are_merged():
    requests = requests_of(document({"tenant_id": "a"}, {"tenant_id": "b"}, num_requests=2000))

    assert len(requests) == 2000
    assert 900 < (requests.tenant == 0).sum() < 1100


def test_a_smaller_cap_is_the_beginning_of_a_larger_one():
    clients = ({}, {"arrival": {"process": "gamma", "cv": 5}}, {"arrival": {"process": "weibull", "cv": 0.5}})
    small = requests_of(document(*clients, num_requests=50))
    large = requests_of(document(*clients, num_requests=5000))

    assert small.arrival_us.tolist() == large.arrival_us[:50].tolist()
    assert small.input_tokens.tolist() == large.input_tokens[:50].tolist()


def test_rates_are_in_proportion_to_the_fractions():
    clients = ({"tenant_id": "a", "rate_fraction": 0.9}, {"tenant_id": "b", "rate_fraction": 0.3})
    requests = requests_of(document(*clients, num_requests=20_000))

    shares = {name: (requests.tenant == k).mean() for k, name in enumerate(requests.tenants)}
    assert shares["a"] == pytest.approx(0.75, abs=0.01)
    assert requests.arrival_us[-1] == pytest.approx(200e6, rel=0.03)  # 20 000 at 100/s


def test_merged_poisson_clients_are_a_poisson_process():
    gaps_us = np.diff(requests_of(document({}, {}, {}, num_requests=20_000)).arrival_us, prepend=0)

    assert stats.kstest(gaps_us, stats.expon(scale=10_000).cdf).pvalue > 0.01


def test_gamma_client_keeps_its_cv():
    clients = {"arrival": {"process": "gamma", "cv": 3.5}}
    gaps_us = np.diff(requests_of(document(clients, num_requests=200_000)).arrival_us)

    assert gaps_us.std() / gaps_us.mean() == pytest.approx(3.5, rel=0.05)


def test_constant_client_starts_one_gap_after_zero():
    requests = requests_of(document({"arrival": {"process": "constant"}}, num_requests=3))

    assert requests.arrival_us.tolist() == [10_000, 20_000, 30_000]


def test_horizon_ends_the_arrivals():
    requests = requests_of(document({"arrival": {"process": "constant"}}, num_requests=0, horizon=40_000))

    assert requests.arrival_us.tolist() == [10_000, 20_000, 30_000]


def test_horizon_and_cap_apply_together():
    both = requests_of(document(num_requests=10, horizon=60_000_000))

    assert len(both) == 10


def test_rate_and_num_requests_override_the_document():
    requests = requests_of(document({"arrival": {"process": "constant"}}), rate=10, num_requests=2)

    assert requests.arrival_us.tolist() == [100_000, 200_000]


def test_the_run_seed_wins_over_that_of_the_document():
    with_seed = requests_of(document(seed=42), seed=1)
    without = requests_of(document(), seed=1)

    assert with_seed.arrival_us.tolist() == without.arrival_us.tolist()
    assert with_seed.notes == ("the document's own seed 42 is not used: the run's seed is",)
    assert requests_of(document(), seed=2).arrival_us.tolist() != without.arrival_us.tolist()


def test_prefix_group_is_shared_between_clients_on_top_of_their_prompts():
    constant = {"input_distribution": {"type": "constant", "params": {"value": 100}}, "prefix_group": "g"}
    requests = requests_of(document(constant, {**constant, "prefix_length": 32}))

    assert set(requests.input_tokens.tolist()) == {132, 150}
    assert requests.prefix_groups == ("g",)
    assert requests.n_keys == 3  # 50 // 16


def test_labels_of_clients_are_copied():
    requests = requests_of(document({"tenant_id": "x", "slo_class": "realtime"}))

    assert requests.tenants == ("x",)
    assert requests.slo_classes == ("realtime",)


@pytest.mark.parametrize(
    ("client", "message"),
    [
        (
            {"network": {"rtt_ms": -2}},
            "workload.spec.clients[1].network.rtt_ms must be a finite number ≥ 0 [ms]; got -2.",
        ),
        (
            {"network": {"rtt": 2}},
            "workload.spec.clients[1].network: unknown key 'rtt'; did you mean 'rtt_ms'?",
        ),
        ({"network": {}}, "workload.spec.clients[1].network must have at least one of rtt_ms and bandwidth_mbps"),
        (
            {"lifecycle": {"windows": [{"start_us": 0}]}},
            "workload.spec.clients[1].lifecycle.windows[0]: key 'end_us' is required.",
        ),
        (
            {"lifecycle": {"windows": [{"start_us": 5, "end_us": 5}]}},
            "workload.spec.clients[1].lifecycle.windows[0].end_us must be an int in [6, 100000000000000000] [µs];",
        ),
        ({"lifecycle": {"windows": []}}, "workload.spec.clients[1].lifecycle.windows must be a list of at least one"),
        (
            {"multimodal": {"image_distribution": 5}},
            "workload.spec.clients[1].multimodal.image_count_distribution must be given together",
        ),
        (
            {"multimodal": {"text_distribution": {"type": "exponential", "params": {"mean": math.nan}}}},
            "workload.spec.clients[1].multimodal.text_distribution.params.mean must be a finite number > 0 [tokens]",
        ),
        ({"multimodal": {}}, "workload.spec.clients[1].multimodal must have a distribution for at least one modality"),
        (
            {"reasoning": {"reason_ratio": 1}},
            "workload.spec.clients[1].reasoning: unknown key 'reason_ratio'; did you mean 'reason_ratio_distribution'?",
        ),
        (
            {"reasoning": {"reason_ratio_distribution": 5, "chain_distribution": 5}},
            "workload.spec.clients[1].reasoning must have at most one of",
        ),
        (
            {"reasoning": {"multi_turn": {"max_rounds": 0}}},
            "workload.spec.clients[1].reasoning.multi_turn.max_rounds must be an int in [1, 10000]; got 0.",
        ),
        (
            {"reasoning": {"multi_turn": {"max_rounds": 2}}, "sessions": {"rounds": 2, "think_time_ms": 0}},
            "workload.spec.clients[1] must have at most one of sessions and reasoning.multi_turn; got both.",
        ),
        (
            {"sessions": {"rounds": 0, "think_time_ms": 5}},
            "workload.spec.clients[1].sessions.rounds must be an int in [1, 2147483647] [rounds]; got 0.",
        ),
        (
            {"sessions": {"rounds": 2, "think_time_ms": -5}},
            "workload.spec.clients[1].sessions.think_time_ms must be an int in [0, 2147483647] [ms]; got -5.",
        ),
        (
            {"sessions": {"rounds": 2, "think_time_ms": 5, "context_growth": "acumulate"}},
            "workload.spec.clients[1].sessions.context_growth: no choice named 'acumulate'; did you mean 'accumulate'?",
        ),
        (
            {"sessions": {"rounds": 2, "think_time_ms": 5, "context_growth": "bounded"}},
            "workload.spec.clients[1].sessions.max_context_tokens must be an int in [1, 2147483647]",
        ),
        (
            {"sessions": {"rounds": 2, "think_time_ms": 5, "max_context_tokens": 5}},
            "workload.spec.clients[1].sessions.max_context_tokens needs context_growth bounded; got 5",
        ),
        (
            {"sessions": {"rounds": 2, "think_time_ms": 5, "tools": {"calls": 1}}},
            "workload.spec.clients[1].sessions.tools: key 'latency_ms' is required.",
        ),
        ({"loop": "closed"}, "workload.spec.clients[1].loop can be closed only with sessions or concurrency"),
        (
            {"concurrency": 3},
            "workload.spec.clients[1].rate_fraction must be left out, since concurrency decides when requests come.",
        ),
        (
            {"sessions": {"rounds": 2, "think_time_ms": 5}, "arrival": {"process": "normalized"}},
            "workload.spec.clients[1].arrival.process 'normalized' counts requests, so it must not have sessions.",
        ),
        (
            {"prefix_group": "g", "prefix_groups": [{"name": "g", "tokens": 5}]},
            "workload.spec.clients[1] must have at most one of prefix_group and prefix_groups; got both.",
        ),
        (
            {"prefix_groups": [{"name": "g", "tokens": 5, "extends": "root"}]},
            "workload.spec: prefix group 'g' must extend a group of the document; got 'root'.",
        ),
        (
            {"prefix_groups": [{"name": "g", "tokens": 5, "weight": 0}]},
            "workload.spec.clients[1].prefix_groups must have at least one weight > 0",
        ),
        ({"prefix_share": 0.5}, "workload.spec.clients[1].prefix_share needs prefix_groups; got 0.5 without them."),
        (
            {"profile": {"type": "stepp"}},
            "workload.spec.clients[1].profile.type: no choice named 'stepp'; did you mean",
        ),
        (
            {"tennant_id": "a"},
            "workload.spec.clients[1]: unknown key 'tennant_id'; did you mean 'tenant_id'?",
        ),
        (
            {"slo_class": "bach"},
            "workload.spec.clients[1].slo_class: no choice named 'bach'; did you mean 'batch'?",
        ),
        (
            {"rate_fraction": math.nan},
            "workload.spec.clients[1].rate_fraction must be a finite number > 0; got nan.",
        ),
        ({"rate_fraction": 0}, "workload.spec.clients[1].rate_fraction must be a finite number > 0; got 0."),
        (
            {"arrival": "poisson"},
            "workload.spec.clients[1].arrival must be a mapping of keys to values; got 'poisson'.",
        ),
        (
            {"input_distribution": {"type": "gaussian", "params": {"mean": 1}}},
            "workload.spec.clients[1].input_distribution.params: key 'std_dev' is required.",
        ),
        (
            {"input_distribution": {"type": "constant", "params": {"value": 0}}},
            "workload.spec.clients[1].input_distribution.params.value must be an int in [1,",
        ),
        (
            {"prefix_length": 3},
            "workload.spec.clients[1].prefix_length needs a prefix_group; got 3 without one.",
        ),
        (
            {"prefix_group": "g", "prefix_length": 0},
            "workload.spec.clients[1].prefix_length must be an int in [1,",
        ),
        ({"streaming": "no"}, "workload.spec.clients[1].streaming must be true or false; got 'no'."),
        ({"tenant_id": [1]}, "workload.spec.clients[1].tenant_id must be a text; got [1]."),
    ],
)
def test_wrong_clients_are_refused(client, message):
    with pytest.raises(ConfigError) as error:
        requests_of(document({}, client))

    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"servegen_data": {"path": "x"}, "clients": []},
            "workload.spec.servegen_data.path must be the path of a folder; got 'x'.",
        ),
        ({"agregate_rate": 1}, "workload.spec: unknown key 'agregate_rate'; did you mean 'aggregate_rate'?"),
        (
            {"aggregate_rate": 0},
            "workload.spec.aggregate_rate must be a finite number > 0 [requests/s]; got 0.",
        ),
        (
            {"aggregate_rate": math.inf},
            "workload.spec.aggregate_rate must be a finite number > 0 [requests/s]; got inf.",
        ),
        ({"clients": []}, "workload.spec.clients must be a list of at least one client; got []."),
        (
            {"clients": 5, "servegen_data": {"path": "x"}},
            "workload.spec.clients must be a list of at least one client; got 5.",
        ),
        ({"category": "vision"}, "workload.spec.category: no choice named 'vision'"),
        ({"horizon": -1}, "workload.spec.horizon must be an int ≥ 0 [µs]; got -1."),
        ({"num_requests": -1}, "workload.spec.num_requests must be an int in [0, 100000000]; got -1."),
        ({"num_requests": 0}, "workload.spec: num_requests or horizon must be > 0; got neither."),
        ({"seed": "x"}, "workload.spec.seed must be an int; got 'x'."),
    ],
)
def test_wrong_documents_are_refused(keys, message):
    with pytest.raises(ConfigError) as error:
        requests_of(document(**keys))

    assert str(error.value).startswith(message)


def test_a_horizon_before_the_first_arrival_is_refused():
    with pytest.raises(ConfigError, match="no request arrives before the horizon of 5 µs"):
        requests_of(document({"arrival": {"process": "constant"}}, num_requests=0, horizon=5))


def test_path_and_spec_together_are_refused(file):
    path = file("w.yaml", yaml.safe_dump(document()))
    with pytest.raises(ConfigError, match="workload must have exactly one of path and spec; got both"):
        Params.from_mapping("workload", {"path": path, "spec": document()})
    with pytest.raises(ConfigError, match="workload must have exactly one of path and spec; got neither"):
        Params.from_mapping("workload", {})


def test_repeated_keys_in_the_file_are_refused(file):
    path = file("w.yaml", yaml.safe_dump(document()) + "aggregate_rate: 3\n")
    with pytest.raises(ConfigError, match="the key 'aggregate_rate' is given twice"):
        Params.from_mapping("workload", {"path": path})


def test_errors_in_a_file_name_the_file(file):
    path = file("w.yaml", yaml.safe_dump(document({"rate_fraction": -1})))
    with pytest.raises(ConfigError, match=r"w\.yaml\.clients\[0\]\.rate_fraction must be a finite number > 0; got -1"):
        Params.from_mapping("workload", {"path": path})
