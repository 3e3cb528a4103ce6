"""`python -m experiments.generalisation.finalists FOLDER [FOLDER ...] [seeds=6]`: which rule chooses the best champion?

The finalists of each finished search are ranked by several rules from what the finals knew, with and without each of
the scenarios, and whom each rule would have made champion is measured on the test scenarios with seeds that nobody has
used. A rule that helps picks a better one there than the fitness in all scenarios together does.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

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
from evolve.outcome.stability import Stability, stability
from evolve.plan import Plan
from evolve.records import Record, Score
from evolve.search.finals import judged_again, without_each
from evolve.search.setup import open_plan
from evolve.selection.individual import Individual
from evolve.settings import Settings
from experiments.assignments import as_number, read_assignments
from experiments.generalisation.__main__ import YARDSTICK, genome_of

#: Columns of a history that are no figures.
_NO_FIGURES = frozenset(
    (
        *("stage", "generation", "candidate", "name", "genome", "digest", "parents", "behaviour", "fitness"),
        *("objectives", "violation", "rungs_short", "role", "scenario", "seed", "num_requests", "task", "status"),
        *("error", "cache_hit", "simulated_requests"),
    )
)

#: Rule -> of the finalists, ranked by fitness, the places; the first of the largest wins.
RULES: Mapping[str, Callable[[Stability, Sequence[Mapping[str, Score]]], np.ndarray]] = {
    "mean place without one": lambda found, without: -_places(found).mean(axis=0),
    "worst place without one": lambda found, without: -_places(found).max(axis=0),
    "most often first": lambda found, without: (_places(found) == 1).mean(axis=0),
    "worst fitness without one": lambda found, without: np.array(
        [min(score.fitness for score in own.values()) for own in without]
    ),
}


def main(words: Sequence[str]) -> int:
    """Measure and print; 2 if the command line or a folder is wrong."""
    folders = [Path(word) for word in words if "=" not in word]
    try:
        given = read_assignments([word for word in words if "=" in word], ("seeds",))
        n_seeds = check_int("seeds", as_number(given.get("seeds", "6")), 1)
        if not folders:
            raise ConfigError("the folders of finished searches must be given; none is.")
        print(
            f"| search | finalists | hinges on | test gain of the fittest | {' | '.join(RULES)} | best of them | all |"
        )
        print("|---" * (6 + len(RULES)) + "|")
        rows = [_measured(folder, n_seeds) for folder in folders]
    except (BlisError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    means = np.mean(rows, axis=0)
    errors = np.std(rows, axis=0, ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else np.zeros_like(means)
    cells = " | ".join(f"{mean:+.2f} ± {error:.2f}" for mean, error in zip(means[1:], errors[1:], strict=True))
    print(f"| **mean** | | | {means[0]:+.2f} % | {cells} |")
    return 0


def _measured(folder: Path, n_seeds: int) -> list[float]:
    """The test gain of the fittest, and by how much each rule's choice, the best, and the mean of all differ [%]."""
    settings = Settings.from_mapping({**read_config(folder), "evaluator": {"name": "serial"}})
    plan, evaluator = open_plan(settings, folder)
    try:
        plan.store.update(_records(folder))
        judged = judged_again(plan, _finalists(plan, folder), plan.suite.seeds["validation"])
        without = without_each(plan, judged)
    finally:
        evaluator.close()
    found = stability(without, [finalist.individual.size for finalist in judged])
    test = _test_gains(settings, [plan.problem.decode(one.individual.genome) for one in judged], folder, n_seeds)
    chosen = [int(np.argmax(rule(found, without))) for rule in RULES.values()]
    differences = [float(test[place] - test[0]) for place in chosen]
    row = [float(test[0]), *differences, float(test.max() - test[0]), float(test.mean() - test[0])]
    cells = [f"{value:+.2f}" for value in row[1:]]
    hinges = ", ".join(found.hinges) or "-"
    print(f"| {folder.name} | {len(judged)} | {hinges} | {row[0]:+.2f} % | {' | '.join(cells)} |", flush=True)
    return row


def _places(found: Stability) -> np.ndarray:
    return np.array(list(found.places.values()))


def _finalists(plan: Plan, folder: Path) -> list[Individual]:
    """Who was judged again, the champion first."""
    rows = parquet.read_table(folder / "history.parquet", columns=["stage", "candidate", "genome"]).to_pylist()
    genomes = {row["candidate"]: genome_of(row["genome"]) for row in rows if row["stage"] == "final"}
    return [
        Individual(genome, Score((1.0,)), plan.problem.digest(genome), plan.problem.complexity(genome))
        for _, genome in sorted(genomes.items())
    ]


def _records(folder: Path) -> dict[str, Record]:
    """What the search has simulated, by the digest of the task."""
    rows = parquet.read_table(folder / "history.parquet").to_pylist()
    return {
        row["task"]: Record(
            {name: value for name, value in row.items() if name not in _NO_FIGURES and value is not None},
            row["simulated_requests"],
            row["error"] or None,
        )
        for row in rows
    }


def _test_gains(settings: Settings, phenotypes: list, folder: Path, n_seeds: int) -> np.ndarray:
    """Gain over llm-d 3:2:2 on the test scenarios of each of them [%], the mean over scenarios and seeds."""
    everybody = [*phenotypes, *read_policies("yardstick", {"llm-d-3-2-2": YARDSTICK}).values()]
    scenarios = settings.suite.scenarios["test"]
    seed_at = own_seeds(f"finalists {folder.name}")
    objectives = read_objectives(settings.rules.goals)
    laboratory = Laboratory(scenarios, [], settings.evaluator)
    logs = []
    try:
        for one in scenarios:
            *ours, theirs = laboratory.measure_cells(
                everybody, [(one.name, seed_at(place)) for place in range(n_seeds)]
            )
            logs.append([gains(own, theirs, objectives)[0].mean() for own in ours])
    finally:
        laboratory.close()
    return 100.0 * np.expm1(np.mean(logs, axis=0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
