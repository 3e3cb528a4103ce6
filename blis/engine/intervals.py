"""Times between tokens, counted from the log of steps: a step gives each request that decodes in it one interval."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numba import typeof, types

from blis.engine._jit import compiled, entry_point
from blis.engine.codes import COMPLETED, RUNNING
from blis.engine.log_fields import LOG_FIELDS
from blis.engine.records import Records, records
from blis.engine.state import LOG_ENTRIES, LOST_ENTRIES, PAUSES, State, Workload
from blis.engine.step_log import length_us, logged_us, step_lengths
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
    n_entries = int(state.log.counters[LOG_ENTRIES])
    if not settings.record_steps or not n_entries:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    entries, lengths, n_lengths = _by_length(state.log.entries[:n_entries])
    token_us, group = _groups(limits)
    tokens = np.zeros((len(token_us), n_lengths), np.int64)
    if _all_count(state):
        _add(entries, _Steps.of(state.instances.step_number), np.empty(0, np.int64), group, tokens)
        return _joined([_occurring(lengths, *row) for row in zip(tokens, token_us, strict=True)])
    pauses = _pauses_that_count(settings, state)
    late = pauses[pauses.step > 0]
    steps = _Steps.of(state.instances.step_number)
    _add(entries, steps, _left_out(workload, settings, state, steps, late), group, tokens)
    irregular_us = np.concatenate([_late_us(state.log.entries[:n_entries], late), pauses.pause_us[pauses.step == 0]])
    of_pauses = np.concatenate([late.instance, pauses.instance[pauses.step == 0]])
    pairs = [_occurring(lengths, *row) for row in zip(tokens, token_us, strict=True)]
    return _joined([*pairs, (irregular_us + limits.output_token_us[of_pauses], np.ones(len(irregular_us), np.int64))])


def _all_count(state: State) -> bool:
    """Whether every decode of a step gave a token that counts, as it does where all went smoothly and to the end."""
    running = state.instances.view(np.ndarray)["running_requests"].tolist()
    return not (state.log.counters[LOST_ENTRIES] or state.log.counters[PAUSES] or any(running))


def _groups(limits: Records) -> tuple[list[int], Int64Vector]:
    """What an output token takes beside its step, ascending [µs], and which of these it is at each instance."""
    own: list[int] = limits.view(np.ndarray)["output_token_us"].tolist()
    distinct = sorted(set(own))
    return distinct, np.array([distinct.index(added_us) for added_us in own], np.int64)


def _joined(pairs: list[tuple[Int64Vector, Int64Vector]]) -> tuple[Int64Vector, Int64Vector]:
    """Distinct values, ascending, with their counts, of several such columns."""
    if len(pairs) == 1:
        return pairs[0]
    values, counts = (np.concatenate(column) for column in zip(*pairs, strict=True))
    distinct, place = np.unique(values, return_inverse=True)
    return distinct, np.bincount(place, counts, len(distinct)).astype(np.int64)


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


def _add(entries: Records, steps: _Steps, changes: Int64Vector, group: Int64Vector, tokens: np.ndarray) -> None:
    """Add the decode tokens of all steps, without those that `changes` takes out; empty: all count."""
    has_losses = steps.with_any(changes)
    _compiled_adding()(entries, steps.start.copy(), has_losses, changes, np.zeros_like(steps.start), group, tokens)


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
    counts: BoolVector = (pauses.request >= 0) & (state.requests.status[pauses.request] == COMPLETED)
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


def _by_length(entries: Records) -> tuple[Records, Int64Vector, int]:
    """Entries whose steps are as long as a table says at the place `step_us`, the table, ascending, and its length.

    Without a table short lengths are their own places; else each step has an entry of its own.
    """
    longest = int(_compiled_longest()(entries))
    if longest < _DIRECT_US:
        return entries, np.empty(0, np.int64), longest + 1
    single: Records = np.repeat(entries, entries.steps)
    lengths, place = np.unique(step_lengths(entries), return_inverse=True)
    single.step_us = place
    single.part_us = single.rise_us = 0
    single.steps = 1
    return single, lengths, len(lengths)


def _occurring(lengths: Int64Vector, tokens: Int64Vector, added_us: int) -> tuple[Int64Vector, Int64Vector]:
    """The lengths that a token took, with what each token takes beside the step, and how many did."""
    values, counts = np.empty_like(tokens), np.empty_like(tokens)
    n = _compiled_choosing()(lengths, tokens, added_us, values, counts)
    return values[:n].copy(), counts[:n].copy()


def _lost(settings: Records, state: State) -> _Spans:
    """Decodes in ended parts of lives that do not count."""
    lost = state.log.lost[: state.log.counters[LOST_ENTRIES]]
    if settings.resume_keeps_output:
        lost = lost[(lost.request < 0) | (state.requests.status[lost.request] != COMPLETED)]
    return lost.instance, lost["first"], lost["last"]


def _add_steps(
    entries: Records, place: Int64Vector, has_losses: BoolVector, changes: Int64Vector, lost: Int64Vector,
    group: Int64Vector, tokens: np.ndarray,
) -> None:  # fmt: skip
    """Add the decode tokens of all steps to `tokens`, by group of instances and place of the length.

    `place` of each instance is that of its step 0 among `changes`, and is moved on; `lost` begins with zeros.
    """
    for entry in range(entries.shape[0]):
        instance, step_us = entries.instance[entry], entries.step_us[entry]
        part_us, rise_us, steps = entries.part_us[entry], entries.rise_us[entry], entries.steps[entry]
        row, decode_tokens = group[instance], np.int64(entries.decode_tokens[entry])
        if has_losses[instance]:
            for step in range(steps):
                place[instance] += 1
                lost[instance] += changes[place[instance]]
                tokens[row, length_us(step_us, part_us, rise_us, step)] += decode_tokens - lost[instance]
        elif rise_us == 0.0:
            tokens[row, step_us] += decode_tokens * steps
        else:
            for step in range(steps):
                tokens[row, length_us(step_us, part_us, rise_us, step)] += decode_tokens


def _longest(entries: Records) -> int:
    """The longest step of all entries [µs]: the first or the last of one."""
    longest = 0
    for entry in range(entries.shape[0]):
        longest = max(longest, entries.step_us[entry], logged_us(entries, entry, entries.steps[entry] - 1))
    return longest


def _choose(lengths: Int64Vector, tokens: Int64Vector, added_us: int, values: Int64Vector, counts: Int64Vector) -> int:
    """Write the lengths that have tokens, and how many; return the number of lengths."""
    n = 0
    for place in range(tokens.shape[0]):
        if tokens[place] != 0:
            values[n] = (lengths[place] if lengths.shape[0] else place) + added_us
            counts[n] = tokens[place]
            n += 1
    return n


_VECTOR, _FLAGS = types.int64[::1], types.bool_[::1]


@cache
def _compiled_adding() -> Callable[..., None]:
    signature = types.void(_entries(), _VECTOR, _FLAGS, _VECTOR, _VECTOR, _VECTOR, types.int64[:, ::1])
    return entry_point(compiled(signature, _add_steps))


@cache
def _compiled_longest() -> Callable[..., int]:
    return entry_point(compiled(types.int64(_entries()), _longest))


@cache
def _compiled_choosing() -> Callable[..., int]:
    return entry_point(compiled(types.int64(_VECTOR, _VECTOR, types.int64, _VECTOR, _VECTOR), _choose))


def _entries() -> Any:
    return typeof(records(LOG_FIELDS, 0))
