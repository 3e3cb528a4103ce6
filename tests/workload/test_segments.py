"""Paths of segments against the keys that they stand for."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.workload.prefixes.keys import keys_of_tokens
from blis.workload.segments import segments_of_keys

texts = st.lists(st.lists(st.integers(0, 1), max_size=8), max_size=12)


@given(texts, st.booleans())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_path_leads_through_all_shared_blocks_and_equal_segments_are_equal_blocks(prompts, one_block_each):
    shared = keys_of_tokens(prompts, [[]] * len(prompts), 1)

    found = segments_of_keys(shared.key_offsets, shared.keys, one_block_each=one_block_each)

    keys_of_segment = {}
    for row in range(len(prompts)):
        keys = shared.keys[shared.key_offsets[row] : shared.key_offsets[row + 1]].tolist()
        place = 0
        for segment in found.segments[found.offsets[row] : found.offsets[row + 1]].tolist():
            assert found.first[segment] == place
            place = int(found.end[segment])
            part = keys[found.first[segment] : place]
            assert part
            assert keys_of_segment.setdefault(segment, part) == part
        assert place == len(keys)
    all_keys = [key for part in keys_of_segment.values() for key in part]
    assert sorted(all_keys) == list(range(len(np.unique(shared.keys))))
    assert len(keys_of_segment) == len(found.first) == len(found.end)


@given(texts)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_segment_ends_only_where_someone_stops_or_goes_another_way(prompts):
    shared = keys_of_tokens(prompts, [[]] * len(prompts), 1)
    bounds = zip(shared.key_offsets[:-1], shared.key_offsets[1:], strict=True)
    paths = [tuple(shared.keys[start:end].tolist()) for start, end in bounds]

    found = segments_of_keys(shared.key_offsets, shared.keys)

    for row, path in enumerate(paths):
        for segment in found.segments[found.offsets[row] : found.offsets[row + 1]].tolist():
            end = int(found.end[segment])
            companions = [other[end : end + 1] for other in paths if other[:end] == path[:end]]
            assert () in companions or len(set(companions)) > 1


def test_conversations_make_one_segment_for_each_turn():
    turns = [[1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6], [9]]
    shared = keys_of_tokens(turns, [[]] * 4, 1)

    found = segments_of_keys(shared.key_offsets, shared.keys)

    assert np.diff(found.offsets).tolist() == [1, 2, 2, 0]
    assert sorted(zip(found.first.tolist(), found.end.tolist(), strict=True)) == [(0, 3), (3, 5)]
