"""Times between tokens, counted from the log of steps: a step gives each request that decodes in it one interval."""

from typing import NamedTuple, TypeAlias

import numpy as np

from blis.engine._jit import cached_kernel
from blis.engine.codes import COMPLETED, RUNNING
from blis.engine.fields import Records
from blis.engine.state import LOST_ENTRIES, PAUSES, State, Workload
from blis.engine.step_log import logged_us, step_lengths
from blis.foundation.units import BoolVector, Int64Vector

#: Steps below this length [µs] are counted in an array indexed by their length.
_DIRECT_US = 2**20

#: Instance, first and last step of decodes.
_Spans: TypeAlias = tuple[Int64Vector, Int64Vector, Int64Vector]


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
    late = pauses[pauses.step > 0]
    steps = _Steps.of(state.instances.step_number)
    changes = _left_out(workload, settings, state, steps, late)
    token_us, group = np.unique(limits.output_token_us, return_inverse=True)
    tokens = np.zeros((len(token_us), len(lengths)), np.int64)
    lost = np.zeros(len(steps.start), np.int64)
    add_steps(entries, kind, steps.start.copy(), steps.with_any(changes), changes, lost, group, tokens)
    kinds = [np.flatnonzero(row) for row in tokens]
    values = [lengths[found] + added_us for found, added_us in zip(kinds, token_us, strict=True)]
    counts = [row[found] for row, found in zip(tokens, kinds, strict=True)]
    if len(pauses):
        irregular_us = np.concatenate([_late_us(entries, late), pauses.pause_us[pauses.step == 0]])
        of_pauses = np.concatenate([late.instance, pauses.instance[pauses.step == 0]])
        values.append(irregular_us + limits.output_token_us[of_pauses])
        counts.append(np.ones(len(irregular_us), np.int64))
    if len(values) == 1:
        return values[0], counts[0]
    distinct, place = np.unique(np.concatenate(values), return_inverse=True)
    return distinct, np.bincount(place, np.concatenate(counts), len(distinct)).astype(np.int64)


class _Steps(NamedTuple):
    """Places for the steps of all instances, those of one behind those of the other; each has one more at its end."""

    start: Int64Vector  #: place of each instance's step 0
    last: Int64Vector  #: place of its last step
    n_places: int

    @classmethod
    def of(cls, last_step: Int64Vector) -> "_Steps":
        sizes = last_step + 2
        start = np.cumsum(sizes) - sizes
        return cls(start, start + last_step, int(sizes.sum()))

    def with_any(self, changes: Int64Vector) -> BoolVector:
        """Which instances have a change."""
        found = np.zeros(len(self.start), np.bool_)
        found[np.searchsorted(self.start, np.flatnonzero(changes), "right") - 1] = True
        return found


def _left_out(workload: Workload, settings: Records, state: State, steps: _Steps, late: Records) -> Int64Vector:
    """Change, at each step, of the decode tokens that do not count, or not as intervals of the step's own length."""
    changes = np.zeros(steps.n_places, np.int64)
    spans = (
        _lost(settings, state),
        (late.instance, late.step, late.step),
        _unfinished(workload, state, steps.last - steps.start),
    )
    for instance, first, last in spans:
        np.add.at(changes, steps.start[instance] + first, 1)
        np.add.at(changes, steps.start[instance] + last + 1, -1)
    changes[steps.last + 1] = 0
    return changes


def _late_us(entries: Records, late: Records) -> Int64Vector:
    """Intervals that begin with a pause: this, and the length of the step that ends it."""
    late_us = late.pause_us.copy()
    for instance in np.unique(late.instance):
        own = late.instance == instance
        late_us[own] += step_lengths(entries[entries.instance == instance])[late.step[own] - 1]
    return late_us


def _pauses_that_count(settings: Records, state: State) -> Records:
    """Pauses of completed requests; where preemption loses all, of their last lives."""
    pauses = state.log.pauses[: state.log.counters[PAUSES]]
    counts: BoolVector = state.requests.status[pauses.request] == COMPLETED
    if not settings.resume_keeps_output:
        counts &= pauses.life == state.requests.preemptions[pauses.request]
    return pauses[counts]


def _unfinished(workload: Workload, state: State, last_step: Int64Vector) -> _Spans:
    """Decodes of requests that still run, from their last break on."""
    requests = state.requests
    running = np.flatnonzero(requests.status == RUNNING)
    if not len(running):
        return running, running, running
    own = requests[running]
    decoding = (own.first_token_us >= 0) & (own.stored_tokens >= own.text_tokens)
    own = own[decoding & (workload.table.output_tokens[running] > 1)]
    last = np.minimum(own.finish_step, last_step[own.instance])
    own, last = own[last >= own.decoding_since], last[last >= own.decoding_since]
    return own.instance, own.decoding_since, last


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


def _lost(settings: Records, state: State) -> _Spans:
    """Decodes in ended parts of lives that do not count."""
    lost = state.log.lost[: state.log.counters[LOST_ENTRIES]]
    if settings.resume_keeps_output:
        lost = lost[state.requests.status[lost.request] != COMPLETED]
    return lost.instance, lost["first"], lost["last"]


@cached_kernel
def add_steps(
    entries: Records, kind: Int64Vector, place: Int64Vector, has_losses: BoolVector, changes: Int64Vector,
    lost: Int64Vector, group: Int64Vector, tokens: np.ndarray,
) -> None:  # fmt: skip
    """Add the decode tokens of all steps to `tokens`, by group of instances and kind of length, without those lost.

    `place` of each instance is that of its step 0 among `changes`, and is moved on; `lost` begins with zeros.
    """
    for entry in range(entries.shape[0]):
        instance = entries.instance[entry]
        row = group[instance]
        if not has_losses[instance] and entries.rise_us[entry] == 0.0:
            tokens[row, kind[entry]] += np.int64(entries.decode_tokens[entry]) * entries.steps[entry]
            continue
        for step in range(entries.steps[entry]):
            if has_losses[instance]:
                place[instance] += 1
                lost[instance] += changes[place[instance]]
            above = logged_us(entries, entry, step) - entries.step_us[entry]
            tokens[row, kind[entry] + above] += entries.decode_tokens[entry] - lost[instance]
