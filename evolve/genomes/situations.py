"""Situations that policies are compared in: what routers, queues and batches may look like, equal in every process.

A third of the situations are small and full of ties, as most moments of a simulation are; there rounding shows. In
each of the others every quantity has its own level and its own spread around it, both even in the logarithm up to the
most that can occur, and often nothing at all. So there are idle clusters and flooded ones, equals and opposites, many
ties, and for any two quantities situations in which the one is always the larger and situations in which it sometimes
is: formulas that differ anywhere should differ in one of them.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from blis.foundation.randomness import stream
from blis.foundation.slo import CLASSES
from blis.foundation.units import Int64Vector

#: Seven, so that a mean is no binary fraction and its rounding shows.
ROUTER_SITUATIONS, INSTANCES = 512, 7
QUEUE_SITUATIONS, REQUESTS = 256, 8

#: Block sizes, in turn: one at which any number of tokens may be cached, and one that is larger than some prompts.
BLOCK_SIZES_TOKENS = (1, 16)

#: Signals of a router's view that situations vary, in the order of the rows of `Situations.signals`.
SIGNALS = (
    "queued_requests", "running_requests", "queued_tokens", "used_blocks", "total_blocks", "cache_hits", "cache_misses",
    "preemptions", "step_us", "pending_requests", "in_flight_requests", "effective_load", "cached_blocks",
    "affinity_blocks", "last_cold_use", "last_routed", "last_routed_us", "running_context_tokens", "sent_tokens",
)  # fmt: skip


#: What a request brings along, in the order of the last axis of `Situations.routed` and `Situations.waiting`.
REQUEST_COLUMNS = ("arrival_us", "input_tokens", "slo_class", "round", "preemptions")


class Situations(NamedTuple):
    """All situations, as arrays that kernels read."""

    clock_us: Int64Vector  #: (ROUTER_SITUATIONS,)
    signals: np.ndarray  #: int64 (ROUTER_SITUATIONS, len(SIGNALS), INSTANCES)
    sent_prompts: np.ndarray  #: int64 (ROUTER_SITUATIONS, INSTANCES, len(CLASSES))
    expected_us: np.ndarray  #: float64 (ROUTER_SITUATIONS, 2, INSTANCES) TTFT, ITL
    session_instance: Int64Vector  #: (ROUTER_SITUATIONS,)
    routed: np.ndarray  #: int64 (ROUTER_SITUATIONS, len(REQUEST_COLUMNS)) the request that is to be routed
    queue: (
        np.ndarray
    )  #: int64 (QUEUE_SITUATIONS, 5) clock_us, queued_requests, running_requests, free_blocks, total_blocks
    waiting: np.ndarray  #: int64 (QUEUE_SITUATIONS, REQUESTS, len(REQUEST_COLUMNS)) of one queue, or of one batch


@cache
def situations() -> Situations:
    """The situations; read-only."""
    random = stream(0, "evolve", "situations")
    clock_us, routed = _clock_and_requests(random, ROUTER_SITUATIONS, 1)
    block_size = np.resize(BLOCK_SIZES_TOKENS, (ROUTER_SITUATIONS, 1))
    prompt_blocks = routed[:, :, REQUEST_COLUMNS.index("input_tokens")] // block_size
    queue_clock_us, waiting = _clock_and_requests(random, QUEUE_SITUATIONS, REQUESTS)
    counts = (_sizes(random, (QUEUE_SITUATIONS, 1), most)[:, 0] for most in (2**13, 512, 2**17))
    made = Situations(
        clock_us,
        _signals(random, prompt_blocks, clock_us),
        *_kept(stream(0, "evolve", "situations", "kept")),
        np.ascontiguousarray(routed[:, 0]),
        np.column_stack([queue_clock_us, *counts, np.full(QUEUE_SITUATIONS, 2**18)]),
        waiting,
    )
    for part in made:
        part.flags.writeable = False
    return made


def _kept(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of what a router keeps: prompts without a first token by class, expected latencies, and where sessions were."""
    shape = (ROUTER_SITUATIONS, INSTANCES)
    prompts = np.stack([_sizes(random, shape, 256) for _ in CLASSES], axis=2)
    # Half of the times are whole, so that some are equal.
    fraction = np.where(
        random.random((ROUTER_SITUATIONS, 1, 1)) < 0.5, 0.0, random.random((ROUTER_SITUATIONS, 2, INSTANCES))
    )
    expected_us = 1.0 + fraction + np.stack([_sizes(random, shape, most) for most in (2**25, 2**20)], axis=1)
    return prompts, expected_us, random.integers(-1, INSTANCES, size=ROUTER_SITUATIONS)


def _signals(random: np.random.Generator, prompt_blocks: np.ndarray, clock_us: np.ndarray) -> np.ndarray:
    shape = (ROUTER_SITUATIONS, INSTANCES)
    later = stream(0, "evolve", "situations", "signals")

    def share_of(whole: np.ndarray) -> np.ndarray:
        """Of each place nothing, all, or a part."""
        share = np.clip(random.uniform(-0.5, 1.5, shape), 0.0, 1.0) * (random.random((shape[0], 1)) < 0.8)
        return np.asarray((share * whole).astype(np.int64))

    # What the instances report may be old, so it need not agree with what the router itself knows.
    queued, running = _sizes(random, shape, 2**13), _sizes(random, shape, 512)
    pending, in_flight = _sizes(random, shape, 64), _sizes(random, shape, 2**13)
    total = (
        1
        + _sizes(random, (shape[0], 1), 2**20)
        + np.where(random.random((shape[0], 1)) < 0.5, 0, _sizes(random, shape, 2**16))
    )
    columns = {
        "queued_requests": queued,
        "running_requests": running,
        "queued_tokens": queued * (1 + _sizes(random, shape, 2**14)),
        "used_blocks": share_of(total),
        "total_blocks": total,
        "cache_hits": _sizes(random, shape, 2**22),
        "cache_misses": _sizes(random, shape, 2**22),
        "preemptions": _sizes(random, shape, 2**10),
        "step_us": _sizes(random, shape, 2**24),
        "pending_requests": pending,
        "in_flight_requests": in_flight,
        "effective_load": _sizes(random, shape, 2**13),
        "cached_blocks": share_of(prompt_blocks),
        "affinity_blocks": share_of(prompt_blocks),
        "last_cold_use": _ranks(random, shape),
        "last_routed": _ranks(random, shape),
        "last_routed_us": np.maximum(clock_us[:, None] - _sizes(later, shape, 2**33), 0),
        "running_context_tokens": _sizes(later, shape, 2**22),
        "sent_tokens": _sizes(later, shape, 2**22),
    }
    return np.stack([columns[name] for name in SIGNALS], axis=1)


def _clock_and_requests(random: np.random.Generator, situations: int, requests: int) -> tuple[np.ndarray, np.ndarray]:
    """Clocks, (situations,), and requests that arrived before, (situations, requests, columns)."""
    shape = (situations, requests)
    clock_us = 1_000 + _sizes(random, (situations, 1), 2**36)
    age_us = np.minimum(_sizes(random, shape, 2**33), clock_us)
    columns = {
        "arrival_us": clock_us - age_us,
        "input_tokens": 1 + _sizes(random, shape, 2**17),
        "slo_class": random.integers(len(CLASSES), size=shape),
        "round": _sizes(random, shape, 64),
        "preemptions": _sizes(random, shape, 64),
    }
    return clock_us[:, 0], np.stack([columns[name] for name in REQUEST_COLUMNS], axis=-1)


def _sizes(random: np.random.Generator, shape: tuple[int, int], most: int) -> np.ndarray:
    """Whole numbers: below 7 in a third of the rows; in the others up to 2 `most`, each row with a level and a spread.

    Level and spread are 0 in a third of the rows each, and in some rows so is half of the numbers.
    """
    rows = (shape[0], 1)
    level, spread = (
        np.where(random.random(rows) < 1 / 3, 0.0, np.exp(random.uniform(0.0, np.log(most), rows))) for _ in range(2)
    )
    sizes: np.ndarray = np.floor(level + spread * random.random(shape)).astype(np.int64)
    sizes = np.where(random.random(shape) < random.choice([0.0, 0.5], p=[0.7, 0.3], size=rows), 0, sizes)
    n_small = shape[0] // 3
    sizes[:n_small] = random.integers(min(7, most), size=(n_small, shape[1]))
    return sizes


def _ranks(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Different ranks for the instances that were ever used, -1 for the others; in some rows nobody was."""
    ranks = random.permuted(np.tile(np.arange(shape[1]), (shape[0], 1)), axis=1)
    ranks += (1 + _sizes(random, (shape[0], 1), 2**12)) * random.integers(2, size=(shape[0], 1))
    return np.where(
        random.random(shape) < random.choice([0.0, 0.2, 1.0], p=[0.5, 0.4, 0.1], size=(shape[0], 1)), -1, ranks
    )
