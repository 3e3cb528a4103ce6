"""`python -m experiments.generalisation FOLDER [candidates=34] [seeds=3] [generation=N]`: see the package."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet

from blis.foundation.checks import check_int
from blis.foundation.errors import BlisError, ConfigError
from evolve.comparing.gains import gains
from evolve.comparing.objectives import read_objectives
from evolve.comparing.sequential import own_seeds
from evolve.evidence.laboratory import Laboratory
from evolve.judging.baselines import read_policies
from evolve.outcome.run_folder import read_config
from evolve.settings import Settings
from evolve.trials.suite import ROLES
from experiments.assignments import as_number, read_assignments

YARDSTICK = {
    "routing": {"policy": "weighted", "scorers": {"prefix-affinity": 3, "queue-depth": 2, "kv-utilization": 2}}
}

_DEFAULTS = {"candidates": 34, "seeds": 3, "generation": -1}
_LEAST_CANDIDATES = 4  #: fewer leave no upper half whose ranks say anything


def main(words: Sequence[str]) -> int:
    """Measure and print; 2 if the command line or the folder is wrong."""
    try:
        if not words or "=" in words[0]:
            raise ConfigError("the folder of a finished search must come first; none given.")
        given = read_assignments(words[1:], _DEFAULTS)
        n_candidates, n_seeds, generation = (
            check_int(key, as_number(given.get(key, str(_DEFAULTS[key]))), least)
            for key, least in (("candidates", _LEAST_CANDIDATES), ("seeds", 1), ("generation", -1))
        )
        fitness, rows, roles = measured(Path(words[0]), n_candidates, n_seeds, generation)
    except (BlisError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines(fitness, rows, roles)))
    return 0


def measured(
    folder: Path, n_candidates: int, n_seeds: int, generation: int
) -> tuple[np.ndarray, dict[str, np.ndarray], Mapping[str, Sequence[str]]]:
    """Fitness of the candidates, their mean log gains by scenario, and the scenarios of each role."""
    settings = Settings.from_mapping(read_config(folder))
    chosen = candidates(folder, n_candidates, generation)
    phenotypes = [settings.problem.decode(genome) for _, genome in chosen]
    phenotypes += read_policies("yardstick", {"llm-d-3-2-2": YARDSTICK}).values()
    scenarios = [one for role in ROLES for one in settings.suite.scenarios[role]]
    seed_at = own_seeds(f"generalisation {folder.name}")
    laboratory = Laboratory(scenarios, [], "threads")
    objectives = read_objectives(settings.rules.goals)
    found = {}
    try:
        for one in scenarios:
            cells = [(one.name, seed_at(place)) for place in range(n_seeds)]
            *ours, theirs = laboratory.measure_cells(phenotypes, cells)
            found[one.name] = np.array([gains(own, theirs, objectives)[0].mean() for own in ours])
            print(f"measured {one.name}", file=sys.stderr, flush=True)
    finally:
        laboratory.close()
    return (
        np.array([fitness for fitness, _ in chosen]),
        found,
        {role: [one.name for one in settings.suite.scenarios[role]] for role in ROLES},
    )


def candidates(folder: Path, count: int, generation: int) -> list[tuple[float, dict[str, Any]]]:
    """Feasible candidates of the last rung, spread evenly over the ranks of their fitness.

    Of a generation, counted from 0, its children and whom they were compared with; of all generations if it is -1.
    """
    columns = ["stage", "generation", "rungs_short", "violation", "fitness", "genome", "behaviour"]
    rows = parquet.read_table(folder / "history.parquet", columns=columns).to_pylist()
    feasible = {
        row["behaviour"]: (row["fitness"], genome_of(row["genome"]))
        for row in rows
        if _takes_part(row, generation) and row["rungs_short"] == 0 and row["violation"] == 0.0
    }
    ranked = sorted(feasible.values(), key=lambda one: one[0])
    if len(ranked) < _LEAST_CANDIDATES:
        raise ConfigError(f"{folder}: must hold at least {_LEAST_CANDIDATES} feasible candidates; got {len(ranked)}.")
    places = np.unique(np.linspace(0, len(ranked) - 1, min(count, len(ranked))).round().astype(int))
    return [ranked[place] for place in places.tolist()]


def _takes_part(row: Mapping[str, Any], generation: int) -> bool:
    if generation < 0:
        return bool(row["stage"] == "search")
    return row["stage"] in ("search", "again") and row["generation"] == generation


def genome_of(value: Any) -> dict[str, Any]:
    return dict(json.loads(value) if isinstance(value, str) else value)


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Rank correlation; equal values share their mean rank."""
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2.0)[places]


def lines(fitness: np.ndarray, rows: Mapping[str, np.ndarray], roles: Mapping[str, Sequence[str]]) -> list[str]:
    """The table."""
    upper = fitness >= np.median(fitness)
    text = [
        f"{len(fitness)} candidates, fitness {fitness.min():.3f} to {fitness.max():.3f}; gain over llm-d 3:2:2",
        "",
        "| Spearman of the search's fitness with | all | upper half |",
        "|---|---|---|",
    ]
    for role, names in roles.items():
        mean = np.mean([rows[name] for name in names], axis=0)
        text.append(f"| {role} | {spearman(fitness, mean):+.2f} | {spearman(fitness[upper], mean[upper]):+.2f} |")
    unseen = np.mean([rows[name] for role in ROLES[1:] for name in roles[role]], axis=0)
    text.append(f"| all unseen | {spearman(fitness, unseen):+.2f} | {spearman(fitness[upper], unseen[upper]):+.2f} |")
    text += ["", "| scenario | role | Spearman | share of the role's variance | best gain | gain of the fittest |"]
    text.append("|---|---|---|---|---|---|")
    for role, names in roles.items():
        total = sum(float(rows[name].var()) for name in names)
        for name in names:
            own = rows[name]
            cells = f"{spearman(fitness, own):+.2f} | {own.var() / total:.0%}"
            best, fittest = (100 * np.expm1(value) for value in (own.max(), own[fitness.argmax()]))
            text.append(f"| {name} | {role} | {cells} | {best:+.1f} % | {fittest:+.1f} % |")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
