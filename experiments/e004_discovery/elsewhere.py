"""`python -m experiments.e004_discovery.elsewhere [folder=outputs/e004] [suite=families-other-prices] [first_seeds=3]`.

Champions where they were not trained: every search in the folder, its champion against all baselines of the search, on
the test of another suite: one whose steps cost what another latency model says, or `suite=families-elsewhere`, whose
families no search has met. Seeds are this comparison's own.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from evolve.comparing.comparison import Comparison, strongest
from evolve.comparing.sequential import Precision, own_seeds
from evolve.outcome.files import write_text_whole
from evolve.trials.suite import read_suite
from experiments.assignments import as_number, read_assignments
from experiments.e004_discovery.champions import compared

YARDSTICK = "llm-d-3-2-2"
DEFAULTS = {"folder": "outputs/e004", "suite": "families-other-prices", "first_seeds": "3", "half_width": "0.03"}


def main(words: Sequence[str]) -> int:
    """Compare and print the table; 2 if the command line is wrong."""
    try:
        given = {**DEFAULTS, **read_assignments(words, DEFAULTS)}
        precision = Precision.checked(
            as_number(given["half_width"]), check_int("first_seeds", as_number(given["first_seeds"]), 2), 600
        )
        document = read_yaml(conf_folder() / "suite" / f"{given['suite']}.yaml")
        scenarios = read_suite(document, None)[0].scenarios["test"]
        folders = sorted(one.parent for one in Path(given["folder"]).glob("*/champion.yaml"))
        if not folders:
            raise ConfigError(f"folder must hold searches with a champion; got {given['folder']!r}.")
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found: dict[str, list[tuple[str, list[Comparison]]]] = {}
    for folder in folders:
        problem, _, seed = folder.name.rpartition("-")
        found.setdefault(problem, []).append((seed, compared(folder, {}, precision, scenarios, own_seeds("prices"))))
        print(f"{folder.name} is done", file=sys.stderr, flush=True)
    text = "\n".join(lines(found)) + "\n"
    write_text_whole(Path(given["folder"]) / f"{given['suite']}.md", text)
    print(text, end="")
    return 0


def lines(found: Mapping[str, Sequence[tuple[str, Sequence[Comparison]]]]) -> list[str]:
    """One line for each search, and one for the median of each problem."""
    head = (
        "problem",
        "seed",
        "over the strongest rival",
        "which is",
        "over llm-d 3:2:2",
        "other families, over the strongest",
    )
    text = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for problem, searches in found.items():
        gains = []
        for seed, comparisons in searches:
            hardest = strongest(comparisons)
            yardstick = next((str(one.overall) for one in comparisons if one.rival == YARDSTICK), "-")
            found_elsewhere = hardest.generalisation
            families = "-" if found_elsewhere is None else str(found_elsewhere.families or "-")
            text.append(f"| {problem} | {seed} | {hardest.overall} | {hardest.rival} | {yardstick} | {families} |")
            gains.append(hardest.overall.gain_percent)
        text.append(f"| **{problem}** | median | **{median(gains):+.1f} %** | | | |")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
