"""When the requests of a specification come: profiles, windows, and processes with a known number."""

import numpy as np
import pytest
from scipy import stats

from blis.foundation.errors import ConfigError
from blis.workload.kinds.spec import Params, generate

CLIENT = {
    "rate_fraction": 1,
    "arrival": {"process": "poisson"},
    "input_distribution": {"type": "exponential", "params": {"mean": 100}},
    "output_distribution": {"type": "constant", "params": {"value": 5}},
}
WINDOWS = {"windows": [{"start_us": 20_000_000, "end_us": 30_000_000}, {"start_us": 50_000_000, "end_us": 55_000_000}]}


def requests_of(*clients, seed=1, **keys):
    document = {"aggregate_rate": 100.0, "num_requests": 1000, "clients": [{**CLIENT, **c} for c in clients], **keys}
    return generate(Params.from_mapping("workload", {"spec": document}), seed, 16)


def test_windows_thin_the_process_and_do_not_shift_it(assert_lawful):
    whole = requests_of({}, num_requests=0, horizon=60_000_000)
    cut = requests_of({"lifecycle": WINDOWS}, num_requests=0, horizon=60_000_000)

    times = whole.arrival_us
    inside = ((times >= 20_000_000) & (times < 30_000_000)) | ((times >= 50_000_000) & (times < 55_000_000))
    assert cut.arrival_us.tolist() == times[inside].tolist()
    assert_lawful(cut)


def test_windows_end_a_workload_without_cap_or_horizon():
    requests = requests_of({"lifecycle": WINDOWS}, num_requests=0)

    assert requests.arrival_us[-1] < 55_000_000
    assert len(requests) == pytest.approx(1500, abs=4 * 1500**0.5)


def test_a_window_is_half_open():
    windows = {"windows": [{"start_us": 10_000, "end_us": 30_000}]}
    requests = requests_of({"arrival": {"process": "constant"}, "lifecycle": windows}, num_requests=0)

    assert requests.arrival_us.tolist() == [10_000, 20_000]


def test_overlapping_windows_are_one():
    windows = {"windows": [{"start_us": 20_000, "end_us": 40_000}, {"start_us": 0, "end_us": 25_000}]}
    requests = requests_of({"arrival": {"process": "constant"}, "lifecycle": windows}, num_requests=0)

    assert requests.arrival_us.tolist() == [10_000, 20_000, 30_000]


def test_a_cap_that_the_windows_do_not_reach_is_said():
    requests = requests_of(
        {"arrival": {"process": "constant"}, "lifecycle": {"windows": [{"start_us": 0, "end_us": 35_000}]}}
    )

    assert len(requests) == 3
    assert requests.notes == ("3 of 1000 requests: the clients end before there are more",)


def test_windows_that_no_request_meets_are_refused():
    windows = {"windows": [{"start_us": 1, "end_us": 5}]}
    with pytest.raises(ConfigError, match="no request arrives"):
        requests_of({"arrival": {"process": "constant"}, "lifecycle": windows})


def test_one_client_without_an_end_needs_a_cap():
    with pytest.raises(ConfigError, match="num_requests or horizon must be > 0; got neither"):
        requests_of({"lifecycle": WINDOWS}, {}, num_requests=0)


def test_a_profile_of_the_document_holds_for_clients_without_their_own():
    step = {"type": "step", "at_s": 50, "factor": 3}
    clients = ({"tenant_id": "a"}, {"tenant_id": "b", "profile": {"type": "constant"}})
    requests = requests_of(*clients, num_requests=0, horizon=100_000_000, profile=step)

    late = requests.arrival_us >= 50_000_000
    for tenant, expected in (("a", (2500, 7500)), ("b", (2500, 2500))):
        mine = requests.tenant == requests.tenants.index(tenant)
        counts = (mine & ~late).sum(), (mine & late).sum()
        assert counts == pytest.approx(expected, abs=4 * 7500**0.5)


def test_a_drained_workload_ends_by_itself():
    requests = requests_of({"profile": {"type": "drain", "end_s": 20}}, num_requests=0)

    assert requests.arrival_us[-1] < 20_000_000
    assert len(requests) == pytest.approx(1000, abs=4 * 1000**0.5)


def test_a_cap_under_a_profile_is_the_beginning_of_a_larger_one():
    profile = {"type": "ramp", "end_s": 60, "from": 0, "to": 5}
    clients = ({"profile": profile, "arrival": {"process": "gamma", "cv": 10}}, {"profile": profile})
    small, large = (requests_of(*clients, num_requests=n) for n in (70, 9000))

    assert small.arrival_us.tolist() == large.arrival_us[:70].tolist()
    assert small.input_tokens.tolist() == large.input_tokens[:70].tolist()


NORMALIZED = {"arrival": {"process": "normalized"}}


def test_normalized_clients_send_exactly_their_share_within_the_horizon():
    clients = (
        {**NORMALIZED, "tenant_id": "a", "rate_fraction": 1},
        {**NORMALIZED, "tenant_id": "b", "rate_fraction": 2},
    )
    requests = requests_of(*clients, num_requests=1000, horizon=7_000_000)

    assert len(requests) == 1000
    assert np.bincount(requests.tenant).tolist() == [333, 667]
    assert requests.arrival_us[-1] < 7_000_000
    assert stats.kstest(requests.arrival_us / 7e6, "uniform").pvalue > 0.01


def test_normalized_clients_fill_the_time_that_the_rate_implies():
    requests = requests_of(NORMALIZED, num_requests=1000)

    assert len(requests) == 1000
    assert 9_900_000 < requests.arrival_us[-1] < 10_000_000  # 1000 requests at 100/s


def test_normalized_clients_send_rate_times_horizon_without_a_cap():
    assert len(requests_of(NORMALIZED, num_requests=0, horizon=3_000_000)) == 300


def test_normalized_requests_follow_a_profile():
    profile = {"type": "step", "at_s": 5, "factor": 3}
    requests = requests_of({**NORMALIZED, "profile": profile}, num_requests=4000, horizon=10_000_000)

    assert len(requests) == 4000
    assert (requests.arrival_us < 5_000_000).mean() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 4000) ** 0.5)
