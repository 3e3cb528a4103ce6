"""Which tests `pytest` alone leaves to `make test`: so that it takes less than three minutes, and is run often.

Whoever names files or folders gets all that they have.
"""

import signal
from pathlib import Path

import pytest

#: Folders and files whose tests run commands, searches and servers, many seeds, or the same cases in several ways.
THOROUGH = [
    "bridges", "calibrating", "ceiling", "commands", "comparing", "disaggregation", "documents", "evaluators",
    "evidence", "exchange", "explaining", "families", "fidelity", "fitting", "laws", "league", "observing",
    "practice", "real_server", "reference", "search", "serving", "trackers", "vllm_oracle",
    "cluster/latency/test_lines.py", "cluster/latency/test_silicon.py", "encoding/test_leaving.py",
    "engine/test_disk_cache.py", "engine/test_drafts.py", "engine/test_models.py",
    "engine/test_random_closed_loops.py", "engine/test_ranked_heap.py", "gateway/test_closed_loops.py",
    "gateway/test_gateway_laws.py",
    "genomes/test_operators.py", "judging/test_audit.py", "policies/test_published_orders.py",
    "policies/written/test_running.py",
]  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Ask for what was named, as a whole; workers of pytest-xdist are told the same.

    Commands hear Ctrl-C, as in a terminal, also where a shell has started pytest in the background.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        config.option.markexpr = config.option.markexpr.replace(" and not thorough", "")


@pytest.hookimpl(tryfirst=True)  # before pytest looks at marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies there."""
    places = [Path(__file__).parent / name for name in THOROUGH]
    assert all(place.exists() for place in places)
    for item in items:
        if any(item.path.is_relative_to(place) for place in places):
            item.add_marker(pytest.mark.thorough)
