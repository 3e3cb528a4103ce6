"""Heaps from which anybody can be taken."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.engine._jit import plain
from blis.engine.gate_fields import (
    GATED_FIELDS,
)
from blis.engine.ranked_heap import melded, without
from blis.engine.records import records


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_whoever_leaves_the_smallest_key_that_stays_is_the_root(seed: int) -> None:
    draw, n = np.random.default_rng(seed), 30
    gated, root, members = records(GATED_FIELDS, n), -1, set[int]()
    gated.key[:] = draw.integers(0, 6, n)

    for rank in range(200):
        node = int(draw.integers(n))
        if node in members:
            members.remove(node)
            root = plain(without)(gated, root, node)
        else:
            members.add(node)
            gated.rank[node] = rank
            root = plain(melded)(gated, root, node)

        expected = min(members, key=lambda one: (gated.key[one], gated.rank[one]), default=-1)
        assert root == expected
