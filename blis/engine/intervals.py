"""Times between tokens, counted from the log of steps: a step gives each request that decodes in it one interval."""

import numpy as np

from blis.engine._jit import cached_kernel
from blis.engine.codes import COMPLETED, RUNNING
from blis.engine.fields import Records
from blis.engine.state import LOST_ENTRIES, PAUSES, State, Workload
from blis.engine.step_log import logged_us, step_lengths
from blis.foundation.units import BoolVector, Int64Vector

#: Steps below this length [µs] are counted in an array indexed by their length.
_DIRECT_US = 2**20


def count_intervals(
    workload: Workload, settings: Records, limits: Records, state: State
) -> tuple[Int64Vector, Int64Vector]:
    """Distinct intervals of completed requests, ascending [µs], and how often each occurs.

    Where preemption loses what a request has written, only its last life counts; else its pauses count as well. What a
    decoding request waited while a step left it out is part of its next interval if the semantics say so. Needs
    `record_steps`; without it the arrays are empty.
    """
    entries = state.log.entries[: state.log.counters[0]]
    if not settings.record_steps or not len(entries):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    entries, lengths, kind = _distinct_lengths(entries)
    pauses = _pauses_that_count(settings, state)
    values, counts = [], []
    for instance in range(settings.n_instances):
        last_step = int(state.instances.step_number[instance])
        changes = _lost_steps(settings, state, instance, last_step)
        own_pauses = pauses[pauses.instance == instance]
        late = own_pauses[own_pauses.step > 0]
        np.add.at(changes, late.step, 1)
        np.add.at(changes, late.step + 1, -1)
        _add_unfinished(changes, workload, state, instance, last_step)
        changes[last_step + 1] = 0
        tokens = np.zeros(len(lengths), np.int64)
        add_steps(entries, kind, instance, changes, tokens, bool(changes.any()))
        found = np.flatnonzero(tokens)
        own = entries[entries.instance == instance] if len(late) else entries[:0]
        late_us = step_lengths(own)[late.step - 1] + late.pause_us
        whole_us = own_pauses.pause_us[own_pauses.step == 0]
        irregular_us = np.concatenate([late_us, whole_us])
        values += [lengths[found] + limits.output_token_us[instance], irregular_us + limits.output_token_us[instance]]
        counts += [tokens[found], np.ones(len(irregular_us), np.int64)]
    distinct, place = np.unique(np.concatenate(values), return_inverse=True)
    return distinct, np.bincount(place, np.concatenate(counts), len(distinct)).astype(np.int64)


def _pauses_that_count(settings: Records, state: State) -> Records:
    """Pauses of completed requests; where preemption loses all, of their last lives."""
    pauses = state.log.pauses[: state.log.counters[PAUSES]]
    counts: BoolVector = state.requests.status[pauses.request] == COMPLETED
    if not settings.resume_keeps_output:
        counts &= pauses.life == state.requests.preemptions[pauses.request]
    return pauses[counts]


def _add_unfinished(changes: Int64Vector, workload: Workload, state: State, instance: int, last_step: int) -> None:
    """Count the decodes of requests that still run among those to be left out, from their last break on."""
    requests = state.requests
    decoding = (requests.instance == instance) & (requests.status == RUNNING) & (requests.first_token_us >= 0)
    decoding &= (requests.stored_tokens >= requests.text_tokens) & (workload.table.output_tokens > 1)
    first = requests.decoding_since[decoding]
    last = np.minimum(requests.finish_step[decoding], last_step)
    has_decoded = last >= first
    np.add.at(changes, first[has_decoded], 1)
    np.add.at(changes, last[has_decoded] + 1, -1)


def _distinct_lengths(entries: Records) -> tuple[Records, Int64Vector, Int64Vector]:
    """Entries, lengths that their steps may have, ascending, and each entry's first place among them.

    Short lengths are their own place; else each step has an entry of its own.
    """
    last_us = entries.step_us + (entries.part_us + (entries.steps - 1) * entries.rise_us).astype(np.int64)
    longest = int(np.maximum(entries.step_us, last_us).max())
    if longest < _DIRECT_US:
        return entries, np.arange(longest + 1), entries.step_us
    single: Records = np.repeat(entries, entries.steps)
    single.step_us = step_lengths(entries)
    single.part_us = single.rise_us = 0
    single.steps = 1
    lengths, kind = np.unique(single.step_us, return_inverse=True)
    return single, lengths, kind.astype(np.int64)


def _lost_steps(settings: Records, state: State, instance: int, last_step: int) -> Int64Vector:
    """Change, at each step number, of the decode tokens in ended parts of lives that do not count."""
    changes = np.zeros(last_step + 2, np.int64)
    lost = state.log.lost[: state.log.counters[LOST_ENTRIES]]
    lost = lost[lost.instance == instance]
    if settings.resume_keeps_output:
        lost = lost[state.requests.status[lost.request] != COMPLETED]
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
        if not has_losses and entries.rise_us[entry] == 0.0:
            tokens[kind[entry]] += np.int64(entries.decode_tokens[entry]) * entries.steps[entry]
            continue
        for place in range(entries.steps[entry]):
            if has_losses:
                number += 1
                lost += changes[number]
            above = logged_us(entries, entry, place) - entries.step_us[entry]
            tokens[kind[entry] + above] += entries.decode_tokens[entry] - lost
