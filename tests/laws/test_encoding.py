"""Whoever encodes and whatever fails: nobody is lost, embeddings precede the prompts that need them, text is text."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.engine.codes import AWAITING_EMBEDDINGS, COMPLETED, DROPPED, ENCODING, LOST, TIMED_OUT, UNROUTABLE
from blis.engine.laws import check_conservation, check_laws
from blis.foundation.roles import BITS
from blis.outcome import outcome
from blis.prepare import prepare
from blis.scenario import Scenario
from blis.simulate import Simulation
from blis.workload.requests import Requests
from tests.laws.test_disaggregation import ROUTINGS, fleets
from tests.laws.test_disaggregation import policies as divided_policies
from tests.laws.test_simulation_is_a_value import assert_same, random_requests


@st.composite
def encoding_fleets(draw: st.DrawFn) -> dict[str, Any]:
    """A fleet that may divide requests, and instances beside it that encode and may die as well."""
    made = draw(fleets())
    n_encoders = draw(st.integers(1, 2))
    made["instances"] = [*made["instances"], {"count": n_encoders, "role": "encode"}]
    made["encoder"] = {
        "us_per_token": draw(st.sampled_from([0, 0.7, 20])),
        "base_us": draw(st.sampled_from([0, 100])),
        "embedding_bytes_per_token": 1000,
        "transfer": {
            "bandwidth_gb_per_s": draw(st.sampled_from([0.01, 1.0])),
            "base_latency_us": draw(st.sampled_from([0, 50, 700])),
            "contention": draw(st.sampled_from(["none", "fair-share"])),
        },
    }
    if draw(st.booleans()):
        del made["disaggregation"]
    if made["failures"]:
        last = sum(pool["count"] for pool in made["instances"]) - 1
        made["failures"][0]["instance"] = draw(st.sampled_from([last, made["failures"][0]["instance"]]))
    return made


def policies(draw: st.DrawFn) -> dict[str, Any]:
    return divided_policies(draw) | {
        "encoding": draw(st.sampled_from(["always-multimodal", "always-multimodal", "never"])),
        "encode_routing": draw(st.sampled_from(ROUTINGS)),
    }


def with_images(requests: Requests, seed: int) -> Requests:
    """The same requests, in two of three prompts some images."""
    shares = np.random.default_rng(seed).uniform(-0.5, 1.0, len(requests)).clip(0)
    return replace(requests, image_tokens=(shares * requests.input_tokens).astype(np.int32))


def simulation(cluster: dict[str, Any], chosen: dict[str, Any], requests: Requests, **options: Any) -> Simulation:
    made = Scenario.from_mapping(
        {"cluster": cluster, "workload": {"kind": "distribution"}, "policies": chosen, "semantics": "corrected"}
    )
    return Simulation(requests, prepare(made), seed=7, **options)


def check_encoders(run: Simulation) -> None:
    """Who encodes does nothing else, and causes come first."""
    instances, requests, encoded = run.state.instances, run.state.requests, run.state.encoding.requests
    encoders = run.prepared.limits.roles == BITS["encode"]
    for field in ("completed_requests", "decode_requests", "used_blocks", "pending_requests", "dropped_requests"):
        assert (instances[field][encoders] == 0).all(), field
    assert not encoders[requests.instance[requests.instance >= 0]].any()
    apart = encoded.encode_instance >= 0
    assert encoders[encoded.encode_instance[apart]].all()
    begun = apart & (requests.scheduled_us >= 0)
    assert (encoded.arrives_us[begun] <= requests.scheduled_us[begun]).all()
    assert (encoded.arrives_us[begun] > encoded.encoded_us[begun]).all()
    assert (encoded.encoded_us[begun] > encoded.started_us[begun]).all()
    waits = np.isin(requests.status, [ENCODING, AWAITING_EMBEDDINGS])
    assert (run.workload.table.encoder_tokens[waits] > 0).all()
    assert (encoded.encoded_tokens <= run.workload.table.encoder_tokens).all()


@settings(max_examples=120, deadline=None, derandomize=True)
@given(data=st.data(), cluster=encoding_fleets(), seed=st.integers(0, 1000), traced=st.booleans())
def test_requests_and_blocks_are_conserved(
    data: st.DataObject, cluster: dict[str, Any], seed: int, traced: bool
) -> None:
    requests = with_images(random_requests(seed), seed)
    run = simulation(cluster, policies(data.draw), requests, trace="decisions" if traced else "none")

    for until_us in range(500, 12_000, 500):
        run.advance(until_us)
        check_conservation(run.state)
        check_laws(run.workload, run.prepared.limits, run.state)
        check_encoders(run)
    run.run()
    done = outcome(run)

    assert run.is_over
    ends = {COMPLETED, DROPPED, LOST, UNROUTABLE, TIMED_OUT, 8, 9, 10}
    assert set(done.requests.status.tolist()) <= ends
    for field in ("in_flight_requests", "queued_requests", "running_requests", "pending_requests", "used_blocks"):
        assert (run.state.instances[field] == 0).all(), field


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data(), cluster=encoding_fleets(), seed=st.integers(0, 1000), slice_us=st.integers(300, 3_000))
def test_slices_and_copies_change_nothing(
    data: st.DataObject, cluster: dict[str, Any], seed: int, slice_us: int
) -> None:
    chosen, requests = policies(data.draw), with_images(random_requests(seed), seed)
    whole = outcome(simulation(cluster, chosen, requests).run())

    sliced = simulation(cluster, chosen, requests)
    for until_us in range(0, 12_000, slice_us):
        sliced.advance(until_us)
        sliced = sliced.fork()

    assert_same(whole, outcome(sliced.run()))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data(), cluster=encoding_fleets(), seed=st.integers(0, 1000))
def test_text_is_served_as_if_nobody_encoded(data: st.DataObject, cluster: dict[str, Any], seed: int) -> None:
    for part in ("failures", "autoscaling"):  # which would name instances, and draw, otherwise
        cluster.pop(part, None)
    chosen, requests = policies(data.draw), random_requests(seed)
    beside = outcome(simulation(cluster, chosen, requests).run())

    plain = {key: value for key, value in cluster.items() if key != "encoder"}
    plain["instances"] = [pool for pool in plain["instances"] if pool["role"] != "encode"]
    alone = outcome(simulation(plain, chosen, requests).run())

    assert beside.encoding is None
    for field in ("status", "instance", "ttft_us", "e2e_us", "preemptions", "scheduling_delay_us"):
        assert np.array_equal(getattr(beside.requests, field), getattr(alone.requests, field)), field
    assert np.array_equal(beside.interval_us, alone.interval_us)
    assert np.array_equal(beside.interval_tokens, alone.interval_tokens)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data(), cluster=encoding_fleets(), seed=st.integers(0, 1000))
def test_what_takes_no_time_changes_nothing(data: st.DataObject, cluster: dict[str, Any], seed: int) -> None:
    cluster["encoder"] |= {"us_per_token": 0, "base_us": 0}
    chosen, requests = policies(data.draw) | {"encoding": "never"}, random_requests(seed)

    priced = outcome(simulation(cluster, chosen, with_images(requests, seed)).run())
    text = outcome(simulation(cluster, chosen, requests).run())

    for field in ("status", "instance", "ttft_us", "e2e_us", "preemptions"):
        assert np.array_equal(getattr(priced.requests, field), getattr(text.requests, field)), field


@settings(max_examples=40, deadline=None, derandomize=True)
@given(cluster=encoding_fleets(), seed=st.integers(0, 1000))
def test_a_first_token_follows_its_pass_and_its_transfer(cluster: dict[str, Any], seed: int) -> None:
    for part in ("failures", "autoscaling", "gateway"):
        cluster.pop(part, None)
    chosen = {"encoding": "always-multimodal", "routing": "least-loaded", "scaling": "fixed"}

    done = outcome(simulation(cluster, chosen, with_images(random_requests(seed), seed)).run())

    if done.encoding is None:
        return
    apart = (done.encoding.sent_us >= 0) & (done.requests.status == COMPLETED)
    spent_us = (done.encoding.arrives_us - done.encoding.sent_us)[apart]
    assert (done.requests.ttft_us[apart] > spent_us).all()
