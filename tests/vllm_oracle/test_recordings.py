"""Both simulators form the batches that vLLM's own scheduler formed, request for request."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from experiments.vllm_oracle.comparison import compare
from experiments.vllm_oracle.invented import collection
from experiments.vllm_oracle.recording import Recorded, read_json, read_recording
from experiments.vllm_oracle.replay import replay
from experiments.vllm_oracle.scenario import scenarios_of
from tests.reference import naive_vllm

DATA = Path(__file__).parents[1] / "data" / "vllm"
#: Collection, seeds and requests of every recording.
RECORDINGS = {
    "tight": ("tight", (0, 59), 3_600),
    "plain": ("large", (), 5_749),
    "reserve": ("large", (), 5_749),
    "defaults": ("large", (), 5_749),
    "tight-again": ("tight", (1000, 1299), 18_000),
    "hostile": ("hostile", (3000, 3249), 15_000),
    "drafting": ("drafting", (0, 79), 4_800),
}
#: Those that take more than a few seconds.
LONG = ("tight-again", "hostile")
#: Every so many scenarios are replayed by the slow simulator.
SLOW_SHARE = {"tight": 1, "tight-again": 10, "hostile": 5, "drafting": 2}


def recorded(name: str) -> tuple[list[dict[str, Any]], dict[str, Recorded]]:
    """A recording, and the scenarios that it was made of."""
    kind, seeds, _ = RECORDINGS[name]
    path = DATA / f"{name}.json.gz"
    scenarios = collection(kind, *seeds)
    for one in scenarios:
        one["params"] |= read_json(path)["changes"]
    return scenarios, read_recording(str(path))


def named(names: Iterable[str]) -> list[Any]:
    """The names as parameters; the long ones are marked."""
    return [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in names]


@pytest.mark.parametrize("name", named(RECORDINGS))
def test_every_request_and_the_number_of_steps_are_those_of_vllm(name: str) -> None:
    listed, theirs = recorded(name)
    scenarios = scenarios_of(name, listed)

    ours = {}
    for one in scenarios:
        found = replay(one)
        ours[one.name] = Recorded(found["requests"], found["steps"], len(found["steps"]))
    verdict = compare(scenarios, "vLLM", theirs, "blis", ours)

    n_requests = RECORDINGS[name][2]
    assert verdict.lines[-1].startswith(f"{n_requests:,} of {n_requests:,} requests equal"), verdict.lines
    assert not verdict.differs, verdict.lines


@pytest.mark.parametrize("name", named(SLOW_SHARE))
def test_the_slow_simulator_agrees_too(name: str) -> None:
    listed, theirs = recorded(name)

    for one in listed[:: SLOW_SHARE[name]]:
        assert naive_vllm.requests_of(one) == theirs[one["name"]].requests, one["name"]
