"""Closed loops in the simulation: whoever waits for an answer comes when it is there."""

import json

import numpy as np
import pytest
import yaml

from blis.result import simulate
from blis.run import main
from blis.scenario import Scenario

CLIENT = {
    "input_distribution": {"type": "exponential", "params": {"mean": 100}},
    "output_distribution": {"type": "exponential", "params": {"mean": 20}},
}
CHAT = {"rounds": 4, "think_time_ms": {"type": "exponential", "params": {"mean": 300}}}
CLUSTER = {
    "model": "meta-llama/llama-3.1-8b-instruct",
    "hardware": "H100",
    "tensor_parallel": 2,
    "instances": 2,
    "latency": {"kind": "affine"},
}


def run(clients, routing="round-robin", **keys):
    spec = {"num_requests": 400, "clients": [{**CLIENT, **client} for client in clients], **keys}
    scenario = Scenario.from_mapping(
        {"cluster": CLUSTER, "workload": {"kind": "spec", "spec": spec}, "policies": {"routing": routing}}
    )
    return simulate(scenario, 1)


@pytest.mark.parametrize("routing", ["round-robin", "always-busiest"])
def test_a_follow_up_arrives_a_think_time_after_the_answer(routing):
    closed = {"rate_fraction": 1, "arrival": {"process": "poisson"}, "loop": "closed", "sessions": CHAT}
    result = run([closed], routing, aggregate_rate=50.0)

    requests, done = result.requests, result.outcome.requests
    waits = np.flatnonzero(requests.after >= 0)
    assert len(waits) > 200
    ended_us = (done.arrival_us + done.e2e_us)[requests.after[waits]]
    assert done.arrival_us[waits].tolist() == (ended_us + requests.think_us[waits]).tolist()


def test_users_never_have_more_requests_under_way_than_there_are_users():
    result = run([{"concurrency": 6}])

    requests, done = result.requests, result.outcome.requests
    ended_us = done.arrival_us + done.e2e_us
    starts, ends = np.sort(done.arrival_us), np.sort(ended_us)
    under_way = np.arange(1, len(starts) + 1) - np.searchsorted(ends, starts, side="right")
    assert under_way.max() == 6
    is_last = ~np.isin(np.arange(len(requests)), requests.after)  # of its user, by the cap
    all_are_there = starts < ended_us[is_last].min()
    assert all_are_there.sum() > 350
    assert set(under_way[all_are_there][5:].tolist()) == {6}  # a new request whenever one ends


@pytest.mark.parametrize(
    ("client", "is_said"),
    [({"concurrency": 3}, True), ({"rate_fraction": 1, "arrival": {"process": "poisson"}}, False)],
)
def test_an_exported_closed_loop_says_that_the_waiting_is_lost(client, is_said, tmp_path, monkeypatch, capsys):
    spec = {"num_requests": 20, "clients": [{**CLIENT, **client}]}
    spec |= {} if "concurrency" in client else {"aggregate_rate": 10.0}
    tmp_path.joinpath("w.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()

    assert main(["workload=spec", "workload.path=w.yaml", "export_requests=true", "output=json"]) == 0
    out, err = capsys.readouterr()
    lost = "trace.csv cannot express that requests wait for answers: a replay sends them at their estimated times"
    assert (lost in json.loads(out)["notes"]) == is_said
    assert (f"warning: {lost}" in err) == is_said
