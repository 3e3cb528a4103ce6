"""`python -m experiments.e009_fleet [folder=outputs/fleet] [problems=gateway,autoscaler,...] [seeds=3]`.

Searches policies of a fleet, judges their champions on families that no search has met and under prices that none was
trained on, and tabulates; what is there already is not done again. Rivals are all known policies of the problem and
the strongest of its own with numbers that a search of the same budget found for it.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from blis.foundation.checks import check_choice, check_int
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from evolve import run
from evolve.comparing.comparison import Comparison, strongest
from evolve.comparing.sequential import Precision, own_seeds
from evolve.outcome.files import write_text_whole
from evolve.records import Phenotype
from evolve.trials.suite import SuiteScenario, read_suite
from experiments.assignments import as_number, read_assignments
from experiments.e004_discovery.champions import compared
from experiments.e009_fleet.rivals import SUFFIX, overrides, problem_of, read_tuned, strongest_with_numbers


@dataclass(frozen=True, slots=True)
class Study:
    """How a problem is searched and judged."""

    suite: str
    words: Sequence[str] = ()  #: further words of the command


WITH_COST = "objectives={lateness: 0.3, promised-time: 0.2, slo-attainment: 0.2, cost: 0.3}"
STUDIES = {
    "gateway": Study("gateway"),
    "autoscaler": Study("autoscaled", ("ladder=[{num_requests: null, seeds: 1}]", WITH_COST)),
    "eviction": Study("eviction"),
    "pd": Study("pd"),
    "tiering": Study("tiered"),
    "epd": Study("epd"),
    "fleet": Study("fleet", (WITH_COST,)),
}
OTHER_PRICES = ("trained-physics", "roofline")  #: latency models, in turn, of the families of the test
TUNED_RIVALS = 1
DEFAULTS = {"folder": "outputs/fleet", "problems": ",".join(STUDIES), "seeds": "3", "half_width": "0.02"}
HEAD = (
    "| problem | seed | over the strongest rival | which is | over the strongest tuned one "
    "| unseen families alone, over the strongest | other prices, over the strongest |",
    "|---|---|---|---|---|---|---|",
)


def main(words: Sequence[str]) -> int:
    """Run what is missing and print the table; 2 if the command line is wrong."""
    try:
        given = {**DEFAULTS, **read_assignments(words, DEFAULTS)}
        n_seeds = check_int("seeds", as_number(given["seeds"]), 1)
        problems = [check_choice("problems", problem, STUDIES) for problem in given["problems"].split(",")]
        precision = Precision.checked(as_number(given["half_width"]), 3, 600)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    folder, text = Path(given["folder"]), list(HEAD)
    for problem in problems:
        text += _studied(folder, problem, n_seeds, precision)
        write_text_whole(folder / "table.md", "\n".join(text) + "\n")
    print("\n".join(text))
    return 0


def _studied(folder: Path, problem: str, n_seeds: int, precision: Precision) -> list[str]:
    """A line for each search seed, and one for the median."""
    study = STUDIES[problem]
    for seed in range(1, n_seeds + 1):
        _search(folder / f"{problem}-{seed}", problem, seed, ())
    first, document = compared(folder / f"{problem}-1", {}, precision), problem_of(folder / f"{problem}-1")
    names = strongest_with_numbers(document, first, TUNED_RIVALS)
    for name in names:
        _search(folder / f"{problem}-{name}{SUFFIX}", problem, 1, overrides(document, name))
    tuned = read_tuned(folder, problem, names)
    suite = read_yaml(conf_folder() / "suite" / f"{study.suite}.yaml")
    unseen, priced = _tested(suite, _unseen(suite)), _tested(suite, _priced(suite))
    lines, gains = [], []
    for seed in range(1, n_seeds + 1):
        line, gain = _judged(folder / f"{problem}-{seed}", problem, seed, tuned, precision, unseen, priced)
        print(line, file=sys.stderr, flush=True)
        lines.append(line)
        gains.append(gain)
    return [*lines, f"| **{problem}** | median | **{median(gains):+.1f} %** | | | | |"]


def _search(folder: Path, problem: str, seed: int, words: Sequence[str]) -> None:
    if (folder / "champion.yaml").exists():
        return
    study = STUDIES[problem]
    search = [f"problem={problem}", "algorithm=ga", f"suite={study.suite}", f"seed={seed}", *study.words, *words]
    common = ["tracker=none", "evaluator=threads", "report=false"]
    if run.main([*search, *common, f"hydra.run.dir={folder}"]) != 0:
        raise SystemExit(1)


def _judged(
    folder: Path,
    problem: str,
    seed: int,
    tuned: Mapping[str, Phenotype],
    precision: Precision,
    unseen: Sequence[SuiteScenario],
    priced: Sequence[SuiteScenario],
) -> tuple[str, float]:
    """The line of a search, and its gain over the strongest rival [%]."""
    here = _of_problem(folder, compared(folder, tuned, precision))
    new = strongest(_of_problem(folder, compared(folder, tuned, precision, unseen, own_seeds("unseen"))))
    dear = strongest(_of_problem(folder, compared(folder, tuned, precision, priced, own_seeds("prices"))))
    hardest = strongest(here)
    with_numbers = [one for one in here if one.rival.endswith(SUFFIX)]
    best_tuned = f"{strongest(with_numbers).overall} ({strongest(with_numbers).rival})" if with_numbers else "-"
    cells = [problem, str(seed), str(hardest.overall), hardest.rival, best_tuned]
    cells += [f"{one.overall} ({one.rival})" for one in (new, dear)]
    return f"| {' | '.join(cells)} |", hardest.overall.gain_percent


def _of_problem(folder: Path, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Those with rivals that the problem could have found: a router that it may not choose is none."""
    own = problem_of(folder)["seeds"]
    return [one for one in comparisons if one.rival in own or one.rival.endswith(SUFFIX)]


def _tested(suite: Mapping[str, Any], families: Sequence[Any]) -> Sequence[SuiteScenario]:
    """The scenarios of a suite's test, were these its families."""
    return read_suite({**suite, "test": {**suite["test"], "families": families}}, None)[0].scenarios["test"]


def _unseen(suite: Mapping[str, Any]) -> list[str]:
    """Families of the test that no other role has."""
    seen = {*suite["train"]["families"], *suite["validation"]["families"]}
    return [name for name in suite["test"]["families"] if name not in seen]


def _priced(suite: Mapping[str, Any]) -> list[dict[str, str]]:
    """All families of the test under other prices, in turn."""
    names = suite["test"]["families"]
    return [{"name": name, "physics": OTHER_PRICES[place % len(OTHER_PRICES)]} for place, name in enumerate(names)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
