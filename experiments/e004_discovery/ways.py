"""`python -m experiments.e004_discovery.ways [folder=outputs/ways] [seeds=3] [problems=a,b] [ways=a,b] [requests=N]`.

What does it matter how a search is taught? The same problem is searched in several ways with the same number of
simulated requests, on families of scenarios; every champion meets that of the first way, of the same search seed, on
the families' test with seeds of their own.

drawn
    Training meets members of its families that nobody has met before in every generation, as `suite=families` has it.
fixed
    The same members in every generation.
by-hand
    The seven training scenarios of the default suite.
lessons
    `algorithm=policy_iteration` on drawn members, with a tenth of the budget.
all-lessons
    The same with the whole budget.
tenth
    As drawn, with a tenth of the budget too.
wide
    As drawn, of seven families with two members each in place of four with three (`suite=families-wide`).
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from blis.foundation.checks import check_choice, check_int
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from evolve import run
from evolve.comparing.comparison import Comparison
from evolve.comparing.hierarchy import hierarchy_of
from evolve.comparing.objectives import read_objectives
from evolve.comparing.sequential import Precision, compare_until, own_seeds
from evolve.evidence.laboratory import Laboratory
from evolve.evidence.searched import read_run
from evolve.outcome.files import write_text_whole
from evolve.trials.suite import ROLES, Suite
from experiments.assignments import as_number, read_assignments
from experiments.e004_discovery.__main__ import PROBLEMS

SUITE = "families"
#: A third of what ten generations of formulas by genetic programming simulate there.
REQUESTS = 12_000_000
DEFAULTS = {
    "folder": "outputs/ways",
    "seeds": "3",
    "problems": "routing_weights,routing_program",
    "ways": "drawn,fixed,by-hand,lessons,all-lessons,tenth,wide",
    "requests": str(REQUESTS),
}


def main(words: Sequence[str]) -> int:
    """Search what is missing, compare and print the table; 2 if the command line is wrong."""
    try:
        given = {**DEFAULTS, **read_assignments(words, DEFAULTS)}
        n_seeds = check_int("seeds", as_number(given["seeds"]), 1)
        requests = check_int("requests", as_number(given["requests"]), 1)
        problems = [check_choice("problems", one, PROBLEMS) for one in given["problems"].split(",")]
        ways = [check_choice("ways", one, DEFAULTS["ways"].split(",")) for one in given["ways"].split(",")]
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    folder = Path(given["folder"])
    text = ["| problem | way | seed | over the first way | on other members | on other families |", "|" + "---|" * 6]
    for problem in problems:
        found: dict[str, list[Comparison]] = {way: [] for way in ways[1:]}
        for seed in range(1, n_seeds + 1):
            folders = {way: searched(folder / f"{problem}-{way}-{seed}", problem, way, seed, requests) for way in ways}
            for way, one in compared(folders, seed).items():
                found[way].append(one)
                text.append(f"| {problem} | {way} | {seed} | {one.overall} | {' | '.join(elsewhere(one))} |")
                print(text[-1], file=sys.stderr, flush=True)
        for way, of_seeds in found.items():
            middle = median(one.overall.gain_percent for one in of_seeds)
            text.append(f"| {problem} | {way} | **median** | **{middle:+.2f} %** | | |")
        write_text_whole(folder / "ways.md", "\n".join(text) + "\n")
    print("\n".join(text))
    return 0


def searched(folder: Path, problem: str, way: str, seed: int, requests: int) -> Path:
    """The folder of a search, which is made if it is not there yet."""
    if not (folder / "champion.yaml").exists():
        is_short = way in ("lessons", "tenth")
        words = [
            f"problem={problem}",
            f"algorithm={'policy_iteration' if way.endswith('lessons') else PROBLEMS[problem]}",
            f"suite={SUITE}{'-wide' if way == 'wide' else ''}",
            f"seed={seed}",
            *scenarios(way),
            *("budget.generations=null", f"budget.requests={requests // 10 if is_short else requests}"),
            *("tracker=none", "evaluator=threads", "report=false", f"hydra.run.dir={folder}"),
        ]
        if run.main(words) != 0:
            raise SystemExit(1)
    return folder


def scenarios(way: str) -> list[str]:
    """Which scenarios train, as words of the command line; none where the suite says."""
    if way == "fixed":
        return [f"scenario=[{','.join(one.name for one in suite(SUITE).scenarios[ROLES[0]])}]"]
    if way == "by-hand":
        return [f"scenario=[{','.join(one.name for one in suite('default').scenarios[ROLES[0]])}]"]
    return []


def suite(name: str) -> Suite:
    """A shipped suite."""
    return Suite.from_mapping("suite", read_yaml(conf_folder() / "suite" / f"{name}.yaml"))


def compared(folders: Mapping[str, Path], seed: int) -> dict[str, Comparison]:
    """The champions of all ways but the first, with that of the first."""
    champions = {way: read_run(folder, False)[2] for way, folder in folders.items()}
    settings = read_run(next(iter(folders.values())), False)[1]
    first, *others = champions
    held_out = settings.suite.scenarios[ROLES[-1]]
    seen = [one for role in ROLES[:-1] for one in suite(SUITE).scenarios[role]]
    laboratory = Laboratory(held_out, [], settings.evaluator)
    found = {}
    try:
        for way in others:
            (one,) = compare_until(
                champions[way],
                {first: champions[first]},
                [one.name for one in held_out],
                read_objectives(settings.rules.goals),
                laboratory.measure_cells,
                own_seeds(f"ways {settings.labels.problem} {seed}"),
                Precision(),
                1,
            )
            found[way] = one
    finally:
        laboratory.close()
    return {way: replace(one, hierarchy=hierarchy_of(held_out, seen)) for way, one in found.items()}


def elsewhere(comparison: Comparison) -> list[str]:
    """What to expect on other members, and on other families."""
    found = comparison.generalisation
    return ["-", "-"] if found is None else [str(one or "-") for one in (found.members, found.families)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
