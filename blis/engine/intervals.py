"""Times between tokens, counted from the log of steps: a step gives each request that decodes in it one interval."""

import numpy as np

from blis.engine._jit import cached_kernel
from blis.engine.codes import COMPLETED, RUNNING
from blis.engine.fields import Records
from blis.engine.state import State, StepLog, Workload
from blis.foundation.units import Int64Vector

#: Steps below this length [µs] are counted in an array indexed by their length.
_DIRECT_US = 2**20


def count_intervals(
    workload: Workload, settings: Records, limits: Records, state: State
) -> tuple[Int64Vector, Int64Vector]:
    """Distinct intervals of completed requests, ascending [µs], and how often each occurs.

    Only a request's last life counts. What a decoding request waited while the token budget left it out is part of
    its first interval if the semantics say so. Needs `record_steps`; without it the arrays are empty.
    """
    entries = state.log.entries[: state.log.counters[0]]
    if not settings.record_steps or not len(entries):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    lengths, kind = _distinct_lengths(entries.step_us)
    requests, table = state.requests, workload.table
    left_out_us, status, outputs = requests.left_out_us, requests.status, table.output_tokens
    decoding = (status == RUNNING) & (requests.stored_tokens >= table.input_tokens)
    decoding &= (outputs > 1) & (requests.first_token_us >= 0)
    waited = (status == COMPLETED) & (left_out_us > 0) & bool(settings.waiting_counts)
    of_interest = np.flatnonzero(decoding | waited)  # few, mostly none: the rest is in the log as it is
    first = requests.finish_step[of_interest] - outputs[of_interest] + 2
    where, is_late = requests.instance[of_interest], waited[of_interest]
    values, counts = [], []
    for instance in range(settings.n_instances):
        here = where == instance
        last_step = int(state.instances.step_number[instance])
        changes = _lost_steps(state.log, instance, last_step)
        changes += np.bincount(np.minimum(first[here & ~is_late], last_step + 1), minlength=last_step + 2)
        late = np.flatnonzero(here & is_late)
        np.add.at(changes, first[late], 1)
        np.add.at(changes, first[late] + 1, -1)
        changes[last_step + 1] = 0
        tokens = np.zeros(len(lengths), np.int64)
        add_steps(entries, kind, instance, changes, tokens, bool(changes.any()))
        found = np.flatnonzero(tokens)
        own = entries[entries.instance == instance] if len(late) else entries[:0]
        late_us = np.repeat(own.step_us, own.steps)[first[late] - 1] + left_out_us[of_interest[late]]
        values += [lengths[found] + limits.output_token_us[instance], late_us + limits.output_token_us[instance]]
        counts += [tokens[found], np.ones(len(late), np.int64)]
    distinct, place = np.unique(np.concatenate(values), return_inverse=True)
    return distinct, np.bincount(place, np.concatenate(counts), len(distinct)).astype(np.int64)


def _distinct_lengths(step_us: Int64Vector) -> tuple[Int64Vector, Int64Vector]:
    """Lengths that steps may have, ascending, and each step's place among them; short ones are their own place."""
    longest = int(step_us.max())
    if longest < _DIRECT_US:
        return np.arange(longest + 1), step_us
    lengths, kind = np.unique(step_us, return_inverse=True)
    return lengths, kind.astype(np.int64)


def _lost_steps(log: StepLog, instance: int, last_step: int) -> Int64Vector:
    """Change, at each step number, of the decode tokens that belong to preempted lives."""
    changes = np.zeros(last_step + 2, np.int64)
    lost = log.lost[: log.counters[1]]
    lost = lost[lost.instance == instance]
    np.add.at(changes, lost["first"], 1)
    np.add.at(changes, lost["last"] + 1, -1)
    return changes


@cached_kernel
def add_steps(
    entries: Records, kind: Int64Vector, instance: int, changes: Int64Vector, tokens: Int64Vector, has_losses: bool
) -> None:
    """Add an instance's decode tokens to `tokens`, by the kind of their step's length, without those that were lost."""
    number = 0
    lost = 0
    for entry in range(entries.shape[0]):
        if entries.instance[entry] != instance:
            continue
        if not has_losses:
            tokens[kind[entry]] += np.int64(entries.decode_tokens[entry]) * entries.steps[entry]
            continue
        for _ in range(entries.steps[entry]):
            number += 1
            lost += changes[number]
            tokens[kind[entry]] += entries.decode_tokens[entry] - lost
