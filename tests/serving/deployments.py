"""Small deployments, and requests that are fed to them one by one."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from blis.cluster.instances import Cluster, Instance
from blis.online import UNKNOWN_US, Arrival, OnlineSimulation
from blis.prepare import PreparedRun, bind_run
from blis.serving.token_times import TokenTimes
from blis.workload.requests import Requests
from tests.laws.test_simulation_is_a_value import BLOCK, LATENCY


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
    forgotten: list[np.ndarray] = field(default_factory=list)  #: the last that was known of each

    def ended(self) -> np.ndarray:
        """All requests, also those that were forgotten."""
        n = len(self.simulation)
        return np.concatenate([*self.forgotten, self.simulation.state.requests.view(np.ndarray)[:n]])


def block_names(requests: Requests) -> list[list[tuple[int, ...]]]:
    """For each request a name for each whole block of its sequence, equal where the blocks are."""
    named = []
    for row in range(len(requests)):
        keys = requests.keys[requests.key_offsets[row] : requests.key_offsets[row + 1]].tolist()
        whole = int(requests.input_tokens[row] + requests.output_tokens[row]) // requests.block_size_tokens
        named.append([(key,) for key in keys[:whole]] + [(row, place) for place in range(len(keys), whole)])
    return named


def fed(requests: Requests, run: PreparedRun, *, in_steps: bool = True, forgets: bool = False) -> Fed:
    """Feed the requests to a simulation when they come; in steps, as a server does, which tells of tokens.

    One that forgets does so at every fifth arrival, and lets new blocks have the numbers of forgotten ones.
    """
    simulation = OnlineSimulation(run)
    result, numbers, follower = Fed(simulation), {}, TokenTimes(simulation)  # type: ignore[var-annotated]

    def advance(until_us: int) -> None:
        while in_steps and (event_us := simulation.next_event_us()) < until_us:
            simulation.advance(event_us + 1)
            follower.refused()
            for tokens in follower.new_tokens():
                for row, count, time_us, is_last, end_us in zip(*(one.tolist() for one in tokens), strict=True):
                    row += simulation.n_forgotten
                    result.times_us[row] += [time_us] * count
                    if is_last:
                        result.ends_us[row] = end_us
        simulation.advance(until_us)

    def forget() -> None:
        n = len(simulation)
        known = simulation.state.requests.view(np.ndarray)[:n]
        open_rows = np.flatnonzero(known["finished_us"] < 0)
        before = int(open_rows[0]) if len(open_rows) else n
        count = simulation.forget(before)
        result.forgotten.append(known[:count].copy())
        follower.move_up(count)
        is_named = simulation.blocks_named()
        free.extend(numbers.pop(name) for name in [one for one, number in numbers.items() if not is_named[number]])

    free: list[int] = []
    for row, names in enumerate(block_names(requests)):
        arrival_us = int(requests.arrival_us[row])
        advance(arrival_us)
        if forgets and row % 5 == 0:
            forget()
        for name in names:
            if name not in numbers:
                numbers[name] = free.pop() if free else max(numbers.values(), default=-1) + 1
        blocks = np.array([numbers[name] for name in names], np.int64)
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
