"""Times between tokens, counted from the log of steps: a step gives each request that decodes in it one interval."""

import numpy as np

from blis.engine._jit import cached_kernel
from blis.engine.codes import COMPLETED, RUNNING
from blis.engine.state import Records, State, StepLog, Workload
from blis.units import Int64Vector


def count_intervals(
    workload: Workload, settings: Records, limits: Records, state: State
) -> tuple[Int64Vector, Int64Vector]:
    """Distinct intervals of completed requests, ascending [µs], and how often each occurs.

    Only a request's last life counts. What a decoding request waited while the token budget left it out is
    part of its first interval if the semantics say so. Needs `record_steps`; without it the arrays are empty.
    """
    entries = state.log.entries[: state.log.counters[0]]
    if not settings.record_steps or not len(entries):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    requests, table = state.requests, workload.table
    decoding = (requests.status == RUNNING) & (requests.stored_tokens >= table.input_tokens)
    decoding &= (table.output_tokens > 1) & (requests.first_token_us >= 0)
    waited = (
        (requests.status == COMPLETED) & (requests.left_out_us > 0)
        if settings.waiting_counts
        else np.zeros_like(decoding)
    )
    first = requests.finish_step - table.output_tokens + 2
    counts = np.zeros(int(entries.step_us.max() + limits.output_token_us.max()) + 1, np.int64)
    extra: list[int] = []
    for instance in range(settings.n_instances):
        here = requests.instance == instance
        output_token_us = int(limits.output_token_us[instance])
        last_step = int(state.instances.step_number[instance])
        lost = _lost_steps(state.log, instance, last_step)
        running = first[here & decoding]
        lost += np.bincount(np.minimum(running, last_step + 1), minlength=last_step + 2)
        lost[last_step + 1] = 0
        late = np.flatnonzero(here & waited)
        lengths = _step_lengths(entries, instance) if len(late) else entries.step_us
        for request in late:
            step = int(first[request])
            lost[step] += 1
            lost[step + 1] -= 1
            extra.append(int(lengths[step - 1]) + int(requests.left_out_us[request]) + output_token_us)
        add_steps(entries, instance, output_token_us, lost, counts, bool(lost.any()))
    if extra:
        longest = max(extra)
        if longest >= len(counts):
            counts = np.concatenate([counts, np.zeros(longest + 1 - len(counts), np.int64)])
        np.add.at(counts, extra, 1)
    values = np.flatnonzero(counts)
    return values, counts[values]


def _lost_steps(log: StepLog, instance: int, last_step: int) -> Int64Vector:
    """Change, at each step number, of the decode tokens that belong to preempted lives."""
    changes = np.zeros(last_step + 2, np.int64)
    lost = log.lost[: log.counters[1]]
    lost = lost[lost.instance == instance]
    np.add.at(changes, lost["first"], 1)
    np.add.at(changes, lost["last"] + 1, -1)
    return changes


def _step_lengths(entries: Records, instance: int) -> Int64Vector:
    """Length of each step of an instance, from step 1."""
    own = entries[entries.instance == instance]
    return np.repeat(own.step_us, own.steps)


@cached_kernel
def add_steps(
    entries: Records,
    instance: int,
    output_token_us: int,
    changes: Int64Vector,
    counts: Int64Vector,
    has_losses: bool,
) -> None:
    """Add an instance's intervals to `counts`, which is indexed by their length."""
    number = 0
    lost = 0
    for entry in range(entries.shape[0]):
        if entries.instance[entry] != instance:
            continue
        interval_us = entries.step_us[entry] + output_token_us
        if not has_losses:
            counts[interval_us] += entries.decode_tokens[entry] * entries.steps[entry]
            continue
        for _ in range(entries.steps[entry]):
            number += 1
            lost += changes[number]
            counts[interval_us] += entries.decode_tokens[entry] - lost
