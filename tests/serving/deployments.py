"""Small deployments, and requests that are fed to them one by one."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.online import UNKNOWN_US, Arrival, OnlineSimulation
from blis.prepare import PreparedRun, bind_run
from blis.serving.token_times import TokenTimes
from blis.workload.labels import Labels
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of

BLOCK = 4
LATENCY = affine.prepare(affine.Params(alpha_us=(50.0, 1.5, 7.0), beta_us=(100.0, 10.0, 5.0)), None, None, 1)


def random_requests(seed: int, count: int = 60) -> Requests:
    """Bursts of small requests, half of them with one of three shared prefixes."""
    draw = np.random.default_rng(seed)
    group = draw.integers(-1, 3, count)
    prefix = np.where(group >= 0, draw.integers(4, 20, count), 0)
    prompt = prefix + draw.integers(1, 25, count)
    output = draw.integers(0, 20, count)
    return requests_of(
        arrival_us=np.sort(draw.integers(0, 6_000, count)),
        input_tokens=prompt,
        output_tokens=output,
        keys=keys_of_groups(prompt, output, group, prefix, BLOCK),
        block_size_tokens=BLOCK,
        session=Labels((np.arange(count) % 9 - 1).astype(np.int32), tuple("abcdefgh")),
    )


def prepared(
    policies: dict[str, Any] | None = None, n_instances: int = 3, changes: dict[str, Any] | None = None, **cluster: Any
) -> PreparedRun:
    """Instances so small that they preempt, and cut up prompts."""
    instance = Instance(
        kv_blocks=24, max_running_requests=6, step_token_budget=32, latency=LATENCY, long_prefill_threshold_tokens=16
    )
    instance = replace(instance, **(changes or {}))
    return bind_run(Cluster((instance,) * n_instances, "affine", BLOCK, **cluster), policies)


@dataclass
class Fed:
    """A simulation whose requests came one by one, and the tokens that it told of."""

    simulation: OnlineSimulation
    times_us: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  #: of each request's tokens
    ends_us: dict[int, int] = field(default_factory=dict)


def block_names(requests: Requests) -> list[list[tuple[int, ...]]]:
    """For each request a name for each whole block of its sequence, equal where the blocks are."""
    named = []
    for row in range(len(requests)):
        keys = requests.keys[requests.key_offsets[row] : requests.key_offsets[row + 1]].tolist()
        whole = int(requests.input_tokens[row] + requests.output_tokens[row]) // requests.block_size_tokens
        named.append([(key,) for key in keys[:whole]] + [(row, place) for place in range(len(keys), whole)])
    return named


def fed(requests: Requests, run: PreparedRun, *, in_steps: bool = True) -> Fed:
    """Feed the requests to a simulation when they come; in steps, as a server does, which tells of tokens."""
    simulation = OnlineSimulation(run)
    result, numbers, follower = Fed(simulation), {}, TokenTimes(simulation)  # type: ignore[var-annotated]

    def advance(until_us: int) -> None:
        while in_steps and (event_us := simulation.next_event_us()) < until_us:
            simulation.advance(event_us + 1)
            follower.refused()
            for tokens in follower.new_tokens():
                for row, count, time_us, is_last, end_us in zip(*(one.tolist() for one in tokens), strict=True):
                    result.times_us[row] += [time_us] * count
                    if is_last:
                        result.ends_us[row] = end_us
        simulation.advance(until_us)

    for row, names in enumerate(block_names(requests)):
        arrival_us = int(requests.arrival_us[row])
        advance(arrival_us)
        blocks = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
        arrival = Arrival(
            int(requests.input_tokens[row]),
            int(requests.output_tokens[row]),
            blocks,
            row,
            session=int(requests.session[row]),
        )
        follower.follow(simulation.add(arrival_us, arrival))
    advance(UNKNOWN_US)
    return result
