"""Prompts as paths of segments: blocks that always come together are one, so that nobody has to look at each."""

from typing import NamedTuple

import numpy as np

from blis.foundation.units import Int64Vector


class Segments(NamedTuple):
    """The leading shared blocks of every request, as segments numbered from 0."""

    offsets: Int64Vector  #: (n + 1,) start of each request's segments
    segments: Int64Vector  #: (offsets[n],)
    first: Int64Vector  #: (number of segments,) place of the first block in the sequences that have it
    end: Int64Vector  #: (number of segments,) one behind that of the last


def segments_of_keys(key_offsets: Int64Vector, keys: Int64Vector, *, one_block_each: bool = False) -> Segments:
    """The segments of which the requests' keys consist.

    A key stands for a whole prefix, so those who have a block have the one before it. Where as many have the one as the
    other, they are the same requests, and both blocks lie in one segment.

    Parameters
    ----------
    key_offsets : (n + 1,) int64
    keys : (key_offsets[n],) int64
        Dense from 0; see `blis.workload.requests`.
    one_block_each : bool
        Let every block be a segment.
    """
    lengths = np.diff(key_offsets)
    place = np.arange(len(keys)) - np.repeat(key_offsets[:-1], lengths)
    is_first = place == 0
    if one_block_each:
        is_first[:] = True
    else:
        carriers = np.bincount(keys)[keys] if len(keys) else keys
        is_first[1:] |= carriers[1:] != carriers[:-1]
    starts = np.flatnonzero(is_first)
    ends = np.append(starts[1:], len(keys))
    numbers = np.full(int(keys.max()) + 1 if len(keys) else 0, -1, np.int64)
    numbers[keys[starts]] = 0
    numbers[numbers == 0] = np.arange(np.count_nonzero(numbers == 0))
    segments = numbers[keys[starts]]
    n_segments = int(segments.max()) + 1 if len(segments) else 0
    first, end = np.empty(n_segments, np.int64), np.empty(n_segments, np.int64)
    first[segments] = place[starts]
    end[segments] = place[starts] + ends - starts
    return Segments(np.searchsorted(starts, key_offsets), segments, first, end)
