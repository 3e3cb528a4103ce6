"""A server that runs for ever keeps nothing of what has ended, and serves as if it kept everything."""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest

from blis.serving import engine as engines
from blis.serving.block_numbers import BlockNumbers
from blis.serving.ended import Times
from blis.serving.engine import Engine, Sequence
from tests.serving.deployments import prepared

N_SEQUENCES = 600


@dataclass
class Heard:
    """What the clients of an engine were told."""

    tokens: list[tuple[int, int, int, bool]] = field(default_factory=list)  #: who, how many, when, whether the last
    cached: dict[int, tuple[int, int]] = field(default_factory=dict)  #: by client, instance and cached tokens


class Client:
    """Writes down what it is told."""

    def __init__(self, number: int, heard: Heard) -> None:
        self.number, self.heard = number, heard
        self.sequence: Sequence | None = None

    def on_tokens(self, n_tokens: int, due_us: int, is_end: bool) -> None:
        """As `Receiver`."""
        self.heard.tokens.append((self.number, n_tokens, due_us, is_end))
        if is_end:
            assert self.sequence is not None
            self.heard.cached[self.number] = self.sequence.instance, self.sequence.cached_tokens

    def on_refusal(self, status: int, due_us: int) -> None:
        """As `Receiver`."""
        self.heard.tokens.append((self.number, -1, due_us, True))


def served(engine: Engine) -> tuple[Heard, int]:
    """Sequences in conversations that begin alike, some of which are cancelled; the most rows that there were."""
    random, heard, now_us, most_rows = np.random.default_rng(7), Heard(), 0, 0
    beginnings = random.integers(0, 1000, (5, 24)).astype(np.int32)
    for number in range(N_SEQUENCES):
        now_us += int(random.exponential(200))
        own = random.integers(0, 1000, random.integers(1, 20)).astype(np.int32)
        prompt = np.concatenate([beginnings[random.integers(0, 5)][: random.integers(0, 25)], own])
        output = random.integers(0, 1000, random.integers(1, 12)).astype(np.int32)
        client = Client(number, heard)
        client.sequence = Sequence(prompt, output, "length", client, blake2b(prompt.tobytes(), digest_size=16).digest())
        engine.run_until(now_us)
        engine.add(client.sequence, now_us)
        if number % 17 == 0:
            engine.cancel(client.sequence, now_us + 300)
        most_rows = max(most_rows, len(engine.served), len(engine.simulation))
    engine.run_until(now_us + 10**9)
    return heard, most_rows


@pytest.mark.parametrize("policies", [{}, {"routing": {"policy": "weighted", "scorers": "prefix-affinity:3"}}])
def test_an_engine_that_forgets_hands_out_what_one_does_that_keeps_all(
    policies: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_LEAST_ROWS", 32)
    run = prepared(policies)
    keeps, forgets = Engine(run), Engine(run, forgets=True)

    everything, most_rows = served(keeps)
    told, most_rows_left = served(forgets)

    assert told == everything
    assert most_rows == N_SEQUENCES
    assert most_rows_left < 100
    assert len(forgets.blocks) < len(keeps.blocks) / 4
    assert keeps.statistics.histograms["itl"].sums.tolist() == forgets.statistics.histograms["itl"].sums.tolist()
    kept, left = keeps.ended(), forgets.ended()
    assert kept.n == left.n == N_SEQUENCES
    assert (kept.completed, kept.input_tokens, kept.output_tokens, kept.preemptions) == (
        *(left.completed, left.input_tokens, left.output_tokens, left.preemptions),
    )
    assert kept.preemptions > 0
    assert keeps.n_cancelled == forgets.n_cancelled > 0
    for name, times in kept.times.items():
        assert left.times[name].figures() == pytest.approx(times.figures())


def test_where_a_policy_keeps_something_of_each_request_nothing_is_forgotten() -> None:
    assert not Engine(prepared({"routing": "prefix-affinity"}), forgets=True).forgets


def test_a_block_that_nobody_names_gives_its_number_to_another_one() -> None:
    blocks = BlockNumbers(2)
    assert blocks.of(np.array([1, 2, 3, 4], np.int32)).tolist() == [0, 1]
    assert blocks.of(np.array([5, 6, 7, 8], np.int32)).tolist() == [2, 3]

    blocks.forget(np.array([False, True, False, False]))  # the first is needed by the second

    assert blocks.of(np.array([1, 2, 3, 4], np.int32)).tolist() == [0, 1]
    assert sorted(blocks.of(np.array([7, 8, 5, 6], np.int32)).tolist()) == [2, 3]
    assert len(blocks) == 4


def test_percentiles_are_known_to_a_thousandth_however_many_times_there_are() -> None:
    times_us = np.random.default_rng(1).lognormal(10, 2, 5_001)
    times = Times()
    times.add(times_us)

    figures = times.figures()

    assert figures is not None
    assert figures["mean"] == pytest.approx(times_us.mean() / 1e3)
    for name, share in (("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)):
        assert figures[name] == pytest.approx(np.percentile(times_us, share) / 1e3, rel=1.1e-3)


def test_no_times_have_no_figures() -> None:
    assert Times().figures() is None
