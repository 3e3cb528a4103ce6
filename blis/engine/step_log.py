"""The log of steps: steps in a row share an entry while their lengths are equal, or lie on one line."""

import numpy as np

from blis.engine._jit import kernel
from blis.engine.records import Records
from blis.engine.state import LOG_ENTRIES, State
from blis.foundation.units import Int64Vector


@kernel
def log_step(state: State, instance: int, step_us: int, decode_tokens: int, part_us: float, rise_us: float) -> None:
    """Append a step to the log.

    Its length was truncated by `part_us`, and the next ones are expected to rise by `rise_us` each; both only matter
    for how many entries there are. A step joins an entry that gives its very length, whosever line that is.
    """
    log, entries = state.log, state.log.entries
    entry = state.instances.log_entry[instance]
    if entry >= 0 and entries.decode_tokens[entry] == decode_tokens:
        if logged_us(entries, entry, entries.steps[entry]) == step_us:
            entries.steps[entry] += 1
            return
    entry = log.counters[LOG_ENTRIES]
    log.counters[LOG_ENTRIES] = entry + 1
    entries.instance[entry] = instance
    entries.step_us[entry] = step_us
    entries.part_us[entry] = part_us
    entries.rise_us[entry] = rise_us
    entries.decode_tokens[entry] = decode_tokens
    entries.steps[entry] = 1
    state.instances.log_entry[instance] = entry


@kernel
def logged_us(entries: Records, entry: int, place: int) -> int:
    """Length of the step at that place of an entry, from 0 [µs]."""
    return length_us(entries.step_us[entry], entries.part_us[entry], entries.rise_us[entry], place)


@kernel
def length_us(step_us: int, part_us: float, rise_us: float, place: int) -> int:
    """Length of the step at that place of an entry, of whose first step this is said [µs]."""
    return step_us + int(part_us + place * rise_us)


def step_lengths(entries: Records) -> Int64Vector:
    """Length of each step of the entries, in their order [µs]: `logged_us` of all at once."""
    first = np.cumsum(entries.steps) - entries.steps
    place = np.arange(int(entries.steps.sum())) - np.repeat(first, entries.steps)
    part_us = np.repeat(entries.part_us, entries.steps) + place * np.repeat(entries.rise_us, entries.steps)
    lengths: Int64Vector = np.repeat(entries.step_us, entries.steps) + part_us.astype(np.int64)
    return lengths
