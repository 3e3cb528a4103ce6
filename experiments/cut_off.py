"""What cutting hopeless runs short could save a search: `python -m experiments.cut_off RUN_FOLDER [...]`.

Of each search, the share of its simulated requests that went into runs so far behind the best baseline that fitness
hardly tells them apart any more (see `blis.fitness.aggregate`): the most that a cut-off could save, were it to know
them from their first request on.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from blis.fitness.aggregate import MOST_SPREADS, spread_of
from blis.foundation.errors import ConfigError

#: Weight of each figure in the default objectives, and whether more of it is better.
_WEIGHTS = {"lateness": -0.4, "promised_time_used": -0.3, "slo_attainment": 0.3}
#: Spreads behind the best baseline at which the gain is within 4 and within 0.5 percent of where it ends.
_BEHIND = (2 * MOST_SPREADS, 3 * MOST_SPREADS)
_COLUMNS = ("stage", "role", "scenario", "seed", "num_requests", "name", "cache_hit", "simulated_requests", "status")


def main(words: list[str]) -> int:
    """Print a line for each search."""
    if not words:
        print("error: names no run folder of a search; see `python -m evolve.run`.", file=sys.stderr)
        return 2
    try:
        for word in words:
            print(f"{word}: {_shares(Path(word))}")
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _shares(folder: Path) -> str:
    path = folder / "history.parquet"
    if not path.is_file():
        raise ConfigError(f"{folder} must be the folder of a finished search; it has no {path.name}.")
    rows = pq.read_table(path, columns=[*_COLUMNS, *_WEIGHTS]).to_pylist()
    groups: dict[tuple[str, int, int], list[dict[str, object]]] = {}
    for row in rows:
        if row["role"] == "train" and not any(row[figure] is None for figure in _WEIGHTS):
            groups.setdefault((row["scenario"], row["seed"], row["num_requests"]), []).append(row)
    spent, behind = 0, np.zeros(len(_BEHIND))
    for group in groups.values():
        known = {row["name"]: _log_worth(row) for row in group if row["stage"] == "baseline"}
        own = [row for row in group if row["stage"] == "search" and not row["cache_hit"]]
        if len(known) < 2:
            continue
        best, spread = max(known.values()), spread_of(list(known.values()))
        for row in own:
            requests = int(str(row["simulated_requests"]))
            spent += requests
            behind += [requests * (_log_worth(row) < best - spreads * spread) for spreads in _BEHIND]
    found = ", ".join(
        f"{share:.2%} in runs {spreads:g} spreads behind"
        for share, spreads in zip(behind / spent, _BEHIND, strict=True)
    )
    return f"{spent} requests simulated; {found}"


def _log_worth(row: dict[str, object]) -> float:
    return sum(weight * float(np.log(max(float(str(row[name])), 0.01))) for name, weight in _WEIGHTS.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
