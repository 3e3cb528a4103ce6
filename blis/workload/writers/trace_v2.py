"""Version 2 traces: a YAML header, and beside it a CSV file with labels and prefix groups."""

from pathlib import Path

import numpy as np

from blis.workload.kinds import trace_v2
from blis.workload.requests import Requests
from blis.workload.writers._losses import ASPECTS, Loss, losses

SUFFIXES = (".yaml", ".yml")
HOLDS = frozenset(ASPECTS) - {"closed loop", "networks"}


def files(path: Path) -> tuple[Path, ...]:
    """The header and the data."""
    return (path, path.with_suffix(".csv"))


def write(requests: Requests, path: Path) -> tuple[Loss, ...]:
    """Write the requests."""
    trace_v2.write(requests, *files(path))
    if not trace_v2.loses_prefixes(requests):
        return tuple(losses(requests, HOLDS))
    n_sharing = int((np.diff(requests.key_offsets) > 0).sum())
    why = "the format has groups that begin alike, not conversations, token ids or block hashes"
    return (*losses(requests, HOLDS), Loss("part of the prefix sharing", n_sharing, why))
