"""`python -m experiments.e004_discovery [folder=outputs/e004] [suite=default] [seeds=3] [problems=a,b]`.

Searches, judges and tabulates.

Each search and its report is one call of the commands that users call; what is there already is not done again. Where
routing is searched, champions also meet the rivals of `conf/baselines/tuned.yaml`, and the first seed's look-ahead says
how much was to be had. What champions are worth under other prices measures `experiments.e004_discovery.prices`.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from blis.foundation.checks import check_choice, check_int
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from blis.policies.bundle import bundle_from_mapping, write_bundle
from evolve import report, run
from evolve.outcome.files import write_text_whole
from experiments.assignments import as_number, read_assignments

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
    folder = Path(given["folder"])
    found = {
        problem: [_found(folder / f"{problem}-{seed}", problem, given["suite"], seed) for seed in range(1, n_seeds + 1)]
        for problem in problems
    }
    text = "\n".join(lines(found)) + "\n"
    write_text_whole(folder / "table.md", text)
    print(text, end="")
    return 0


def _found(folder: Path, problem: str, suite: str, seed: int) -> Mapping[str, Any]:
    """The evidence on one search, made if it is not there yet."""
    evidence = folder / "report.json"
    if not evidence.exists():
        common = ["tracker=none", "evaluator=threads"]
        search = [f"problem={problem}", f"algorithm={PROBLEMS[problem]}", f"suite={suite}", f"seed={seed}"]
        if run.main([*search, *common, "report=false", f"hydra.run.dir={folder}"]) != 0:
            raise SystemExit(1)
        asked = ["random_search=false", "sweep_seeds=2"]
        if problem in ROUTES:
            asked.append(f"rivals=[{','.join(map(str, tuned_rivals(folder.parent / 'tuned')))}]")
        if problem in ROUTES[:2] and seed == 1:
            asked += ["ceiling=true", "ceiling_seeds=2", "ceiling_requests=300"]
        if report.main([str(folder), *asked, *common]) != 0:
            raise SystemExit(1)
    document: dict[str, Any] = json.loads(evidence.read_text())
    return document


def tuned_rivals(folder: Path) -> list[Path]:
    """A bundle for each known policy whose numbers were tuned."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, policies in read_yaml(conf_folder() / "baselines" / "tuned.yaml").items():
        if name.endswith(_TUNED):
            paths.append(folder / f"{name}.yaml")
            write_bundle(bundle_from_mapping(name, {"version": 1, **policies}), paths[-1])
    return paths


def lines(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """One line for each search, and one for the median of each problem."""
    text = [
        "| problem | seed | over the strongest rival | which is | over the strongest tuned one | over llm-d 3:2:2 "
        "| elsewhere, over the strongest |"
    ]
    text.append("|---|---|---|---|---|---|---|")
    for problem, searches in found.items():
        hardest = [min(one["comparisons"], key=_gain) for one in searches]
        tuned = [_hardest_tuned(one) for one in searches]
        plain = [_against(one, YARDSTICK) for one in searches]
        for seed, (one, hard, best, yardstick) in enumerate(zip(searches, hardest, tuned, plain, strict=True), 1):
            cells = [problem, str(seed), _effect(hard), hard["rival"], best, _effect(yardstick), _elsewhere(one)]
            text.append(f"| {' | '.join(cells)} |")
        medians = [f"{median(map(_gain, group)):+.1f} %" for group in (hardest, plain)]
        text.append(f"| **{problem}** | median | **{medians[0]}** | | | **{medians[1]}** | |")
    return text


def _elsewhere(document: Mapping[str, Any]) -> str:
    """What to expect over the strongest rival on other scenarios; of families: on other members, on other families."""
    found = document.get("generalisation")
    if found is None:
        return str(document.get("outlook") or "expect -").partition("expect ")[2].partition(" over ")[0]
    return ", ".join("-" if found[level] is None else _interval(found[level]) for level in ("members", "families"))


def _hardest_tuned(document: Mapping[str, Any]) -> str:
    """Over the strongest rival with tuned numbers, and which it is."""
    tuned = [one for one in document["comparisons"] if one["rival"].endswith(_TUNED)]
    if not tuned:
        return "-"
    hardest = min(tuned, key=_gain)
    return f"{_effect(hardest)} ({hardest['rival'].removesuffix(_TUNED)})"


def _against(document: Mapping[str, Any], rival: str) -> Mapping[str, Any]:
    (found,) = (one for one in document["comparisons"] if one["rival"] == rival)
    return dict(found)


def _gain(comparison: Mapping[str, Any]) -> float:
    return float(comparison["overall"]["gain_percent"])


def _effect(comparison: Mapping[str, Any]) -> str:
    return _interval(comparison["overall"])


def _interval(one: Mapping[str, Any]) -> str:
    return f"{one['gain_percent']:+.1f} % [{one['low_percent']:+.1f}, {one['high_percent']:+.1f}]"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
