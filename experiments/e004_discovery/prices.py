"""`python -m experiments.e004_discovery.prices [folder=outputs/e004] [suite=families-other-prices] [first_seeds=3]`.

Champions under prices that they were not trained on: every search in the folder, its champion against all baselines of
the search, on the test of a suite whose steps cost what another latency model says. Seeds are this comparison's own.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from evolve.comparing.comparison import Comparison, strongest
from evolve.comparing.objectives import read_objectives
from evolve.comparing.sequential import Precision, compare_until, own_seeds
from evolve.evidence.laboratory import Laboratory
from evolve.judging.baselines import read_policies, with_bundles
from evolve.outcome.files import write_text_whole
from evolve.outcome.run_folder import read_config
from evolve.settings import Settings
from evolve.trials.suite import SuiteScenario, read_suite
from experiments.assignments import as_number, read_assignments

YARDSTICK = "llm-d-3-2-2"
DEFAULTS = {"folder": "outputs/e004", "suite": "families-other-prices", "first_seeds": "3", "half_width": "0.03"}


def main(words: Sequence[str]) -> int:
    """Compare and print the table; 2 if the command line is wrong."""
    try:
        given = {**DEFAULTS, **read_assignments(words, DEFAULTS)}
        precision = Precision.checked(
            as_number(given["half_width"]), check_int("first_seeds", as_number(given["first_seeds"]), 2), 600
        )
        scenarios = read_suite(given["suite"], None)[0].scenarios["test"]
        folders = sorted(one.parent for one in Path(given["folder"]).glob("*/champion.yaml"))
        if not folders:
            raise ConfigError(f"folder must hold searches with a champion; got {given['folder']!r}.")
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found: dict[str, list[tuple[str, list[Comparison]]]] = {}
    for folder in folders:
        problem, _, seed = folder.name.rpartition("-")
        found.setdefault(problem, []).append((seed, compared(folder, scenarios, precision)))
        print(f"{folder.name} is done", file=sys.stderr, flush=True)
    text = "\n".join(lines(found)) + "\n"
    write_text_whole(Path(given["folder"]) / "prices.md", text)
    print(text, end="")
    return 0


def compared(folder: Path, scenarios: Sequence[SuiteScenario], precision: Precision) -> list[Comparison]:
    """The champion of a search against those baselines of it that decide otherwise."""
    settings = Settings.from_mapping(read_config(folder))
    given = with_bundles("champion", {"champion": str(folder / "champion.yaml")})
    (champion,) = read_policies("champion", given).values()
    rivals = {name: one for name, one in settings.baselines.items() if one.policies != champion.policies}
    laboratory = Laboratory(scenarios, [], settings.evaluator)
    names, objectives = [one.name for one in scenarios], read_objectives(settings.rules.goals)
    try:
        return compare_until(
            champion, rivals, names, objectives, laboratory.measure_cells, own_seeds("prices"), precision, 1
        )
    finally:
        laboratory.close()


def lines(found: Mapping[str, Sequence[tuple[str, Sequence[Comparison]]]]) -> list[str]:
    """One line for each search, and one for the median of each problem."""
    text = ["| problem | seed | over the strongest rival | which is | over llm-d 3:2:2 |", "|---|---|---|---|---|"]
    for problem, searches in found.items():
        gains = []
        for seed, comparisons in searches:
            hardest = strongest(comparisons)
            yardstick = next((str(one.overall) for one in comparisons if one.rival == YARDSTICK), "-")
            text.append(f"| {problem} | {seed} | {hardest.overall} | {hardest.rival} | {yardstick} |")
            gains.append(hardest.overall.gain_percent)
        text.append(f"| **{problem}** | median | **{median(gains):+.1f} %** | | |")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
