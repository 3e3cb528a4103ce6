"""`python -m experiments.e004_discovery [folder=outputs/e004] [suite=default] [seeds=3] [problems=a,b]`.

Searches, judges and tabulates.

Each search is one call of the command that users call; what is there already is not done again. Champions meet the
baselines of their search, and where routing is searched also the rivals of `conf/baselines/tuned.yaml`, by the judge
and the seeds of `python -m evolve.report`, which tells more of each. What champions are worth under other prices
measures `experiments.e004_discovery.elsewhere`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from blis.foundation.checks import check_choice, check_int
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from evolve import run
from evolve.comparing import Effect
from evolve.comparing.comparison import Comparison, strongest
from evolve.comparing.sequential import Precision
from evolve.judging.baselines import read_policies
from evolve.outcome.files import write_text_whole
from evolve.records import Phenotype
from experiments.assignments import as_number, read_assignments
from experiments.e004_discovery.champions import compared

#: Problem -> its algorithm.
PROBLEMS = {
    "routing_weights": "ga",
    "routing_program": "gp",
    "routing": "ga",
    "priority_scheduler": "ga",
    "full": "ga",
}
#: Problems in which a rival may route with tuned numbers: the others leave routing as it is.
ROUTES = ("routing_weights", "routing_program", "routing", "full")
YARDSTICK = "llm-d-3-2-2"
_TUNED = "-tuned"


def main(words: Sequence[str]) -> int:
    """Run what is missing and print the table; 2 if the command line is wrong."""
    given = {"folder": "outputs/e004", "suite": "default", "seeds": "3", "problems": ",".join(PROBLEMS)}
    try:
        given |= read_assignments(words, given)
        n_seeds = check_int("seeds", as_number(given["seeds"]), 1)
        problems = [check_choice("problems", problem, PROBLEMS) for problem in given["problems"].split(",")]
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    folder, text = Path(given["folder"]), list(HEAD)
    for problem in problems:
        found = []
        for seed in range(1, n_seeds + 1):
            found.append(_found(folder / f"{problem}-{seed}", problem, given["suite"], seed))
            text.append(_line(problem, seed, found[-1]))
            print(text[-1], file=sys.stderr, flush=True)
        text.append(_median(problem, found))
        write_text_whole(folder / "table.md", "\n".join(text) + "\n")
    print("\n".join(text))
    return 0


def _found(folder: Path, problem: str, suite: str, seed: int) -> list[Comparison]:
    """The champion of a search against its rivals; the search is made if it is not there yet."""
    if not (folder / "champion.yaml").exists():
        search = [f"problem={problem}", f"algorithm={PROBLEMS[problem]}", f"suite={suite}", f"seed={seed}"]
        common = ["tracker=none", "evaluator=threads", "report=false"]
        if run.main([*search, *common, f"hydra.run.dir={folder}"]) != 0:
            raise SystemExit(1)
    return compared(folder, tuned_rivals() if problem in ROUTES else {}, Precision())


def tuned_rivals() -> dict[str, Phenotype]:
    """The known policies whose numbers were tuned."""
    group = read_yaml(conf_folder() / "baselines" / "tuned.yaml")
    return read_policies("baselines", {name: one for name, one in group.items() if name.endswith(_TUNED)})


HEAD = (
    "| problem | seed | over the strongest rival | which is | over the strongest tuned one | over llm-d 3:2:2 "
    "| elsewhere, over the strongest |",
    "|---|---|---|---|---|---|---|",
)


def _line(problem: str, seed: int, comparisons: Sequence[Comparison]) -> str:
    hardest = strongest(comparisons)
    tuned = [one for one in comparisons if one.rival.endswith(_TUNED)]
    best = strongest(tuned) if tuned else None
    cells = [
        problem,
        str(seed),
        _interval(hardest.overall),
        hardest.rival,
        f"{_interval(best.overall)} ({best.rival.removesuffix(_TUNED)})" if best else "-",
        _interval(_against(comparisons, YARDSTICK).overall),
        _elsewhere(hardest),
    ]
    return f"| {' | '.join(cells)} |"


def _median(problem: str, found: Sequence[Sequence[Comparison]]) -> str:
    over = [median(one.overall.gain_percent for one in group) for group in zip(*_both(found), strict=True)]
    return f"| **{problem}** | median | **{over[0]:+.1f} %** | | | **{over[1]:+.1f} %** | |"


def _both(found: Sequence[Sequence[Comparison]]) -> list[tuple[Comparison, Comparison]]:
    """Of each search: against the strongest rival, and against the yardstick."""
    return [(strongest(one), _against(one, YARDSTICK)) for one in found]


def _elsewhere(comparison: Comparison) -> str:
    """What to expect over the rival on other scenarios; of families: on other members, on other families."""
    found = comparison.generalisation
    if found is None:
        return "-" if comparison.elsewhere is None else _interval(comparison.elsewhere)
    return ", ".join("-" if one is None else _interval(one) for one in (found.members, found.families))


def _against(comparisons: Sequence[Comparison], rival: str) -> Comparison:
    (found,) = (one for one in comparisons if one.rival == rival)
    return found


def _interval(one: Effect) -> str:
    return f"{one.gain_percent:+.1f} % [{one.low_percent:+.1f}, {one.high_percent:+.1f}]"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
