"""The garbage collector keeps out of a start, and comes back to what works for hours."""

import gc

import pytest

from blis.command.short_lived import short_start


@pytest.fixture(autouse=True)
def _as_before():
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)  # a command that was tested in this process before may have left others
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_a_long_process_collects_as_before_once_it_has_started():
    before = gc.get_threshold()

    with short_start() as started:
        during = gc.get_threshold()
        started()
        after = gc.get_threshold()

    assert during[0] > 100 * before[0]
    assert after == before


def test_what_is_made_between_two_jobs_of_a_sweep_is_still_collected():
    with short_start() as started:
        started()
        kept = gc.get_freeze_count()
        cycles = [[] for _ in range(1000)]
        for cycle in cycles:
            cycle.append(cycle)
        started()

        assert gc.get_freeze_count() <= kept
