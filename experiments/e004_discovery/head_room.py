"""`python -m experiments.e004_discovery.head_room FOLDER ... [against=each] [members=2] [runs=2] [requests=500] ...`.

Which part of what a look-ahead gains has a champion? For each finished search, on `members` members of each family of
its test (or all of its scenarios), `runs` runs of each: the champion, the honest look-ahead and hindsight, over the
best baseline of each scenario (`against=each`), or over the one that is strongest over all of them (`against=one`).
`futures=8` is in how many imagined futures every choice is tried. A line for all, and one for each family.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from blis.foundation.checks import check_choice, check_int
from blis.foundation.errors import BlisError, ConfigError
from evolve.ceiling.lookahead import Looking
from evolve.comparing.comparison import strongest
from evolve.comparing.objectives import read_objectives
from evolve.comparing.sequential import Precision, own_seeds
from evolve.evidence import ceiling
from evolve.evidence.searched import digest, read_run
from evolve.trials.suite import ROLES, SuiteScenario
from experiments.assignments import as_number, read_assignments
from experiments.e004_discovery.champions import compared

DEFAULTS = {"against": "each", "members": "2", "runs": "2", "requests": "500", "futures": "8"}

#: By this comparison the best baselines are chosen: a round of three seeds, and as many runs as it takes.
CHOOSING = Precision(0.03, 3, 600)


def main(words: Sequence[str]) -> int:
    """Measure and print a line for each search; 2 if the command line is wrong."""
    try:
        folders = [Path(one) for one in words if "=" not in one]
        given = {**DEFAULTS, **read_assignments(words[len(folders) :], DEFAULTS)}
        if not folders:
            raise ConfigError("the folder of a finished search must come first; none given.")
        against = check_choice("against", given["against"], ("each", "one"))
        extent = ceiling.Extent(
            check_int("runs", as_number(given["runs"]), 2),
            check_int("requests", as_number(given["requests"]), 1),
            Looking(futures=check_int("futures", as_number(given["futures"]), 1)),
        )
        members = check_int("members", as_number(given["members"]), 1)
        head = ("search", "where", "rival", "champion", "honest look-ahead", "hindsight", "closed")
        print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
        for folder in folders:
            print("\n".join(lines(folder, against, members, extent)), flush=True)
    except (BlisError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def lines(folder: Path, against: str, members: int, extent: ceiling.Extent) -> list[str]:
    """What the champion of a search has of what was to be had, as rows of the table."""
    document, settings, champion, _ = read_run(folder, False)
    comparisons = compared(folder, {}, CHOOSING)
    if against == "one":
        comparisons = [strongest(comparisons)]
    found = ceiling.examine(
        champion,
        settings.baselines,
        comparisons,
        some_of_each(settings.suite.scenarios[ROLES[-1]], members),
        read_objectives(settings.rules.goals),
        own_seeds(digest(document, champion)),
        extent,
        1,
        lambda count: print(f"{folder.name}: {count} more", file=sys.stderr, flush=True),
    )
    if found is None:
        raise ConfigError(f"{folder}: every scenario of its test is the same for every seed: no future to imagine.")
    rooms = {"all": found.overall, **found.scenarios}
    rivals = {where: comparisons[0].rival if against == "one" else room.best for where, room in rooms.items()}
    return [
        f"| {folder.name} | {where} | {rivals[where]} | {room.champion} | {room.lookahead} | {room.hindsight} "
        f"| {room.closed} |"
        for where, room in rooms.items()
    ]


def some_of_each(scenarios: Sequence[SuiteScenario], members: int) -> list[SuiteScenario]:
    """So many of each family, and whatever has none."""
    kept: list[SuiteScenario] = []
    for one in scenarios:
        if one.family is None or sum(other.family == one.family for other in kept) < members:
            kept.append(one)
    return kept


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
