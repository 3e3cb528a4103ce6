"""Policies that a search found, as files that `blis policies=FILE` reruns, with where they come from."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blis.policies.bundle import Bundle, bundle_text
from blis.policies.written_source import WRITTEN, is_written
from evolve.outcome import Finalist, Finals
from evolve.outcome.endpoint_picker import FILE as ENDPOINT_PICKER
from evolve.outcome.endpoint_picker import endpoint_picker
from evolve.outcome.files import write_text_whole
from evolve.outcome.lead import lead_text
from evolve.outcome.scorer_port import FILE as SCORER_PORT
from evolve.outcome.scorer_port import scorer_port
from evolve.outcome.stability import finalist_names, stability_text
from evolve.plan import Plan
from evolve.records import Record, Task
from evolve.selection.individual import Individual

FILE, FRONT_FOLDER = "champion.yaml", "pareto"


def write_champion(plan: Plan, finals: Finals) -> Path:
    """Write `champion.yaml`: its policies, its lineage, and every run of its test, to be repeated."""
    lineage = {
        **_lineage(plan, finals.champion.individual),
        "fitness": _fitness(finals.champion) | {"test": finals.test.score.fitness},
        "choice": choice_text(plan, finals),
        "runs": [_run(*pair) for pair in finals.test.records],
    }
    return _write(plan, finals.champion.individual, lineage, plan.folder / FILE)


def choice_text(plan: Plan, finals: Finals) -> str:
    """Why the champion was chosen: on which scenarios that rests, or that nothing new was surely better."""
    if finals.lead is not None and finals.lead.is_luck:
        return lead_text(finals.lead)
    names = finalist_names(plan, [finalist.individual for finalist in finals.finalists])
    return stability_text(finals.stability, names)


def write_endpoint_picker(plan: Plan, finals: Finals) -> list[Path]:
    """Write the champion's routing as llm-d's router reads it, if that can be said; the path, or none."""
    phenotype = plan.problem.decode(finals.champion.individual.genome)
    text, note = endpoint_picker(phenotype.policies)
    if text is None:
        return []
    path = plan.folder / ENDPOINT_PICKER
    write_text_whole(path, f"# {note}\n{text}")
    return [path]


def write_scorer_port(plan: Plan, finals: Finals) -> list[Path]:
    """Write the champion's routing formula as a plugin of llm-d's router would have it; the path, or none."""
    text = scorer_port(plan.problem.decode(finals.champion.individual.genome).policies)
    if text is None:
        return []
    path = plan.folder / SCORER_PORT
    write_text_whole(path, text)
    return [path]


def write_front(plan: Plan, front: Sequence[Finalist]) -> list[Path]:
    """Write `pareto/<place>.yaml` for each member of the front, the first objective's best first."""
    paths = []
    for place, member in enumerate(front, 1):
        lineage = {**_lineage(plan, member.individual), "fitness": _fitness(member)}
        lineage["objectives"] = _objectives(plan, member.individual)
        paths.append(_write(plan, member.individual, lineage, plan.folder / FRONT_FOLDER / f"{place:02d}.yaml"))
    return paths


def write_best_so_far(plan: Plan, best: Individual, status: str) -> Path:
    """Write `champion.yaml` of a search that did not come to its end: nobody has judged it again."""
    lineage = {
        **_lineage(plan, best),
        "status": f"{status} before its finals: the best in training, which may be luck",
        "fitness": {"search": best.score.fitness},
    }
    return _write(plan, best, lineage, plan.folder / FILE)


def _write(plan: Plan, individual: Individual, lineage: Mapping[str, Any], path: Path) -> Path:
    phenotype = plan.problem.decode(individual.genome)
    policies = {question: dict(policy) for question, policy in phenotype.policies.items()}
    apart = json.loads(json.dumps(lineage))  # YAML would write what policies and genome share as an anchor
    for question, policy in policies.items():
        if is_written(policy):
            name = f"{path.stem}-{question}.py"
            write_text_whole(path.with_name(name), policy["source"])
            policies[question] = {"policy": WRITTEN, "file": name}
            apart["genome"][question] = {"file": name}
    write_text_whole(path, bundle_text(Bundle(policies, apart, limits=dict(phenotype.limits))))
    return path


def source_files(champion: Path) -> list[Path]:
    """The source of the written policies of a champion, beside its file."""
    return sorted(champion.parent.glob(f"{champion.stem}-*.py"))


def _lineage(plan: Plan, individual: Individual) -> dict[str, Any]:
    labels = plan.labels
    return {
        "problem": labels.problem,
        "algorithm": labels.algorithm,
        "suite": labels.suite,
        "seed": labels.seed,
        "generation": individual.generation,
        "digest": individual.digest,
        "parents": list(individual.parents),
        "genome": individual.genome,
        "formula": plan.problem.describe(individual.genome),
    }


def _fitness(finalist: Finalist) -> dict[str, float]:
    return {
        "train": finalist.train.score.fitness,
        "validation": finalist.validation.score.fitness,
    }


def _objectives(plan: Plan, individual: Individual) -> dict[str, float]:
    return dict(zip(plan.objectives, individual.score.objectives, strict=True))


def _run(task: Task, record: Record) -> dict[str, Any]:
    figures = {name: value for name, value in record.figures.items() if value is not None}
    return {"scenario": task.scenario, "seed": task.seed, "num_requests": task.num_requests, "figures": figures}
