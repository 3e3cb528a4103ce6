"""`python -m experiments.e004_discovery.rivals [folder=outputs/rivals] [evaluations=4000]`: rivals with tuned numbers.

Each known policy that has numbers is given the same budget to choose them as a search has, by the same algorithm in the
same scenarios, and is written as a bundle, `folder/NAME-tuned.yaml`. Searches and reports take those as rivals:
`baselines=[default,outputs/rivals/preble-tuned.yaml]`; `folder/tuned.yaml` has them all as `conf/baselines` has its
own. What tuning brought each of them is measured on the test
scenarios with seeds of their own. Which policies: those of `conf/baselines/default.yaml`, or `rivals=a,b` of them.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from blis.foundation.checks import check_choice, check_int
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from blis.policies.bundle import complete_policy, read_bundle
from evolve import run
from evolve.comparing.comparison import Comparison
from evolve.comparing.objectives import read_objectives
from evolve.comparing.sequential import Precision, compare_until, own_seeds
from evolve.evidence.laboratory import Laboratory
from evolve.genomes.tuned import published_policies, tuned_genes
from evolve.judging.baselines import read_policies, with_bundles
from evolve.outcome.files import write_text_whole
from evolve.outcome.run_folder import read_config
from evolve.records import Phenotype
from evolve.settings import ALGORITHMS, Settings
from experiments.assignments import as_number, on_command_line, read_assignments

#: Where numbers are searched whose bounds do not say it, as `conf/problem/routing.yaml` has them.
RANGES = {"shortest-expected-work": {"tokens_of_full_memory": {"low": 0, "high": 100_000}}}

DEFAULTS = {
    "folder": "outputs/rivals", "evaluations": "4000", "algorithm": "ga", "suite": "default", "seed": "1",
    "workers": "null", "rivals": "", "half_width": "0.01",
}  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Tune whom nobody has tuned yet, compare, and print the table; 2 if the command line is wrong."""
    try:
        given = {**DEFAULTS, **read_assignments(words, DEFAULTS)}
        check_int("evaluations", as_number(given["evaluations"]), 1)
        check_choice("algorithm", given["algorithm"], ALGORITHMS)
        tunable, reasons = rivals(given["rivals"])
        precision = Precision.checked(as_number(given["half_width"]), 6, 600)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    folder = Path(given["folder"])
    for name, policies in tunable.items():
        _tune(folder, name, policies, given)
    text = "\n".join([*table(folder, tunable, precision), "", *(f"- {reason}" for reason in reasons)]) + "\n"
    write_text_whole(folder / "table.md", text)
    write_text_whole(folder / "tuned.yaml", yaml.safe_dump(_group(folder, tunable), sort_keys=False))
    print(text, end="")
    return 0


def rivals(names: str) -> tuple[dict[str, Any], list[str]]:
    """The policies that have numbers to tune, as `problem.tuned` takes them, and why the others are left out."""
    known = read_yaml(conf_folder() / "baselines" / "default.yaml")
    chosen = [check_choice("rivals", name, known) for name in names.split(",")] if names else list(known)
    tunable: dict[str, Any] = {}
    reasons = []
    for name in chosen:
        policies = {question: _with_ranges(choice) for question, choice in known[name].items()}
        try:
            tuned_genes(name, policies)
            tunable[name] = policies
        except ConfigError as error:
            reasons.append(f"not tuned: {error}")
    return tunable, reasons


def _group(folder: Path, tunable: Mapping[str, Any]) -> dict[str, Any]:
    """The tuned policies by name, with what was tuned of them, but for those that kept their published numbers."""
    group: dict[str, Any] = {}
    for name, policies in tunable.items():
        found = read_bundle(folder / f"{name}-tuned.yaml").policies
        published = published_policies(policies)
        if any(found[question] != complete_policy(question, one) for question, one in published.items()):
            group[f"{name}-tuned"] = {question: dict(found[question]) for question in published}
    return group


def _with_ranges(choice: Any) -> Any:
    policy = choice if isinstance(choice, str) else choice["policy"]
    if policy not in RANGES:
        return choice
    return {"policy": policy, **(choice if isinstance(choice, Mapping) else {}), **RANGES[policy]}


def _tune(folder: Path, name: str, policies: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Search for a policy's numbers, if that is not done yet, and write its bundle."""
    inner, bundle = folder / "searches" / name, folder / f"{name}-tuned.yaml"
    if bundle.exists():
        return
    words = [f"problem.tuned.{question}={on_command_line(choice)}" for question, choice in policies.items()]
    words += [f"{key}={given[key]}" for key in ("algorithm", "suite", "seed")]
    words += [
        f"budget.evaluations={given['evaluations']}",
        "budget.generations=null",
        "problem=tuned",
        f"names.problem={name}-tuned",
    ]
    words += [
        "tracker=none",
        "evaluator=threads",
        f"evaluator.workers={given['workers']}",
        "report=false",
        f"hydra.run.dir={inner}",
    ]
    if run.main(words) != 0:
        raise SystemExit(1)
    write_text_whole(bundle, (inner / "champion.yaml").read_text(encoding="utf-8"))


def table(folder: Path, tunable: Mapping[str, Any], precision: Precision) -> list[str]:
    """What tuning brought each rival on the test scenarios, with seeds that no search has met."""
    lines = ["| rival | evaluations | tuned to | over its published numbers, test | over the best rival as published |"]
    lines.append("|---|---|---|---|---|")
    for name in tunable:
        settings = Settings.from_mapping(read_config(folder / "searches" / name))
        bundle = read_bundle(folder / f"{name}-tuned.yaml")
        given = with_bundles("rivals", {name: str(folder / f"{name}-tuned.yaml")})
        (tuned,) = read_policies("rivals", given).values()
        found = _compared(settings, tuned, name, precision)
        spent = read_spent(folder / "searches" / name)
        hardest = min(found.values(), key=lambda one: one.overall.gain_percent)
        own = found.get(name)
        text = "the published numbers won" if own is None else str(own.overall)
        formula = "; ".join(str(line) for line in (bundle.lineage.get("formula") or {}).values())
        lines.append(f"| {name} | {spent} | {formula} | {text} | {hardest.overall} ({hardest.rival}) |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def _compared(settings: Settings, tuned: Phenotype, name: str, precision: Precision) -> dict[str, Comparison]:
    """A tuned policy against what it was, and against the other baselines."""
    scenarios = settings.suite.scenarios["test"]
    names = [one.name for one in scenarios]
    objectives = read_objectives(settings.rules.goals)
    others = {rival: one for rival, one in settings.baselines.items() if one != tuned}
    laboratory = Laboratory(scenarios, [], settings.evaluator)
    try:
        own = {name: others[name]} if name in others else {}
        found = [
            one
            for rivals in (own, others)
            if rivals
            for one in compare_until(
                tuned, rivals, names, objectives, laboratory.measure_cells, own_seeds("tuned rivals"), precision, 1
            )
        ]
    finally:
        laboratory.close()
    return {one.rival: one for one in reversed(found)}


def read_spent(folder: Path) -> str:
    """How many evaluations a search spent, as its summary says it."""
    text = (folder / "summary.md").read_text(encoding="utf-8")
    return text.partition("generations, ")[2].partition(" evaluations")[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
