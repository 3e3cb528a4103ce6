"""Specifications of version 2, and the published form of sessions."""

import numpy as np
import pytest

from blis.foundation.errors import ConfigError
from blis.workload.kinds.spec import Params, generate

LENGTHS = {
    "input_distribution": {"type": "constant", "params": {"value": 100}},
    "output_distribution": {"type": "constant", "params": {"value": 10}},
}
CLIENT = {"id": "c", "rate_fraction": 1.0, "arrival": {"process": "poisson"}, **LENGTHS}
TURNS = {"multi_turn": {"max_rounds": 5, "think_time_us": 100_000_000, "context_growth": "accumulate"}}


def requests_of(*clients, seed=1, **keys):
    document = {"version": "2", "aggregate_rate": 20.0, "clients": [{**CLIENT, **client} for client in clients], **keys}
    document = {key: value for key, value in document.items() if value not in ([], None)}
    return generate(Params.from_mapping("workload", {"spec": document}), seed, 16)


@pytest.mark.parametrize("version", ["1", "2"])
def test_published_sessions_start_at_the_clients_rate_and_wait_for_answers(version, assert_lawful):
    requests = requests_of({"reasoning": TURNS}, version=version, num_requests=1000)

    assert_lawful(requests)
    starts = requests.arrival_us[requests.round == 0]
    assert len(starts) / (starts[-1] / 1e6) == pytest.approx(20, rel=0.1)
    assert (requests.after[requests.round > 0] >= 0).all()
    assert requests.notes == (
        "multi_turn: the rate is that of sessions, not of their rounds; a round waits for the answer before it: c",
    )


@pytest.mark.parametrize("key", [{"loop": "open"}, {"closed_loop": False}])
def test_published_sessions_do_not_wait_in_an_open_loop(key):
    requests = requests_of({"reasoning": TURNS, **key}, num_requests=50)

    assert (requests.after < 0).all()
    assert "rounds do not wait for answers (loop: open)" in requests.notes[0]


def test_a_cohort_is_so_many_clients_of_one_kind():
    cohort = {**CLIENT, "id": "crowd", "population": 4, "slo_class": "batch"}
    requests = requests_of(cohorts=[cohort], num_requests=2000)

    assert sorted(requests.clients) == [f"crowd-{k}" for k in range(4)]
    assert np.bincount(requests.client).min() > 400
    assert requests.slo_classes == ("batch",)


@pytest.mark.parametrize(
    ("pattern", "windows_s"),
    [
        ({"spike": {"start_time_us": 2_000_000, "duration_us": 3_000_000}}, [(2, 5)]),
        (
            {"drain": {"start_time_us": 2_000_000, "ramp_duration_us": 10_000_000}},
            [(0, 2), *((2 + k, 2 + k + (10 - k) / 10) for k in range(10))],
        ),
    ],
)
def test_cohorts_are_active_as_their_patterns_say(pattern, windows_s):
    requests = requests_of(cohorts=[{**CLIENT, "population": 2, **pattern}], horizon=60_000_000)

    seconds = requests.arrival_us / 1e6
    inside = [((seconds >= start) & (seconds <= end)).sum() for start, end in windows_s]
    assert sum(inside) >= len(seconds) > 20


def test_a_day_has_its_peak_at_the_hour_that_is_given():
    diurnal = {"diurnal": {"peak_hour": 6, "peak_to_trough_ratio": 4}}
    requests = requests_of(cohorts=[{**CLIENT, "population": 1, **diurnal}], horizon=86_400_000_000, aggregate_rate=0.5)

    by_hour = np.bincount(requests.arrival_us // 3_600_000_000, minlength=24)
    assert by_hour[6] == pytest.approx(1800, rel=0.1)
    assert by_hour[18] == pytest.approx(450, rel=0.2)


def test_rate_fractions_are_parts_of_those_who_are_active_together():
    window = {"lifecycle": {"windows": [{"start_us": 0, "end_us": 10_000_000}]}}
    later = {"lifecycle": {"windows": [{"start_us": 10_000_000, "end_us": 20_000_000}]}, "id": "d"}

    assert len(requests_of(window, later, horizon=60_000_000)) == pytest.approx(400, rel=0.15)
    assert len(requests_of(window, later, horizon=60_000_000, version="1")) == pytest.approx(200, rel=0.2)


def test_the_section_inference_perf_stands_for_clients(assert_lawful):
    section = {
        "stages": [{"rate": 8, "duration": 30}, {"rate": 20, "duration": 10}],
        "shared_prefix": {
            "num_unique_system_prompts": 3,
            "num_users_per_system_prompt": 5,
            "system_prompt_len": 100,
            "question_len": 40,
            "output_len": 20,
            "enable_multi_turn_chat": False,
        },
    }
    requests = requests_of(inference_perf=section)

    assert_lawful(requests)
    assert len(requests) == 440
    assert (requests.arrival_us < 30_000_000).sum() == 240
    assert requests.prefix_groups == ("group-0", "group-1", "group-2")
    assert requests.notes == ("aggregate_rate has no effect beside inference_perf, whose stages have rates",)
    assert len(requests_of(inference_perf=section, num_requests=7)) == 7
    assert len(requests_of(inference_perf=section, horizon=30_000_000)) == 240


def test_users_may_think_between_their_requests():
    users = {"concurrency": 2, "think_time_us": 5000, "rate_fraction": 0, "arrival": {"process": ""}}
    requests = requests_of(users, num_requests=10, aggregate_rate=None)

    assert requests.after.tolist() == [-1, -1, *range(8)]
    assert set(requests.think_us[2:].tolist()) == {5000}


def test_keys_without_effect_are_noted():
    requests = requests_of({"model": "m", "timeout": 300}, num_requests=3)

    assert requests.notes == ("no effect here have the clients' timeout",)


@pytest.mark.parametrize(
    ("clients", "keys", "message"),
    [
        ([{}], {"version": "3"}, 'workload.spec.version must be "1" or "2"; got \'3\'.'),
        ([{}], {"version": "1", "cohorts": [1]}, "workload.spec: unknown key 'cohorts'"),
        ([{"closed_loop": 1}], {}, "workload.spec.clients[0].closed_loop must be true or false; got 1."),
        ([{"closed_loop": True, "loop": "open"}], {}, "workload.spec.clients[0] must have at most one of loop and"),
        ([{}], {"inference_perf": {"stages": []}}, "workload.spec must have one of clients, servegen_data and"),
        ([], {"inference_perf": {"stages": []}}, "workload.spec.inference_perf: key 'shared_prefix' is required."),
        ([], {"cohorts": [{"population": 2}]}, "workload.spec.cohorts[0]: key 'rate_fraction' is required."),
        ([], {"cohorts": [{**CLIENT, "population": 0}]}, "workload.spec.cohorts[0].population must be an int in [1, 1"),
        (
            [{"reasoning": {"multi_turn": {"max_rounds": 2, "single_session": True}}}],
            {},
            "workload.spec.clients[0].reasoning.multi_turn.single_session must be false",
        ),
        ([{"think_time_us": 5}], {}, "workload.spec.clients[0].think_time_us needs concurrency, without sessions"),
    ],
)
def test_wrong_documents_are_refused(clients, keys, message):
    with pytest.raises(ConfigError) as error:
        requests_of(*clients, **{"num_requests": 3, **keys})
    assert str(error.value).startswith(message)


def test_windows_that_no_start_reaches_are_refused_and_not_waited_for():
    far = {"lifecycle": {"windows": [{"start_us": 10**16, "end_us": 10**17}]}}

    with pytest.raises(
        ConfigError, match="client 'c' must start within its windows sooner or later; none of its first"
    ):
        requests_of(far, num_requests=3)
