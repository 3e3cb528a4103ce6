"""The evaluation file that SkyDiscover loads in its own process: asks the search's judge, and runs nothing itself."""

from typing import Any

from evolve.bridges.packages import skydiscover_lineage
from evolve.bridges.packages.asking import ask, metrics_of

#: Characters of one section that SkyDiscover shows its model; it cuts off the rest.
SHOWN = 2000


def evaluate(program_path: str) -> Any:
    """Metrics and artifacts of a candidate, as SkyDiscover wants them."""
    from skydiscover.evaluation.evaluation_result import EvaluationResult

    with open(program_path, encoding="utf-8") as file:
        text = file.read()
    verdict = ask(text, skydiscover_lineage.parent_solution)
    if "closed" in verdict:
        return EvaluationResult(metrics_of(verdict), {"feedback": verdict["closed"]})
    return EvaluationResult(metrics_of(verdict), {**in_sections(verdict["feedback"]), "status": verdict["status"]})


def in_sections(text: str) -> dict[str, str]:
    """The feedback in as many sections as it takes for nothing to be cut off, parted between lines where they are."""
    sections: list[str] = [""]
    for line in text.splitlines(keepends=True):
        for start in range(0, len(line), SHOWN):
            piece = line[start : start + SHOWN]
            if len(sections[-1]) + len(piece) > SHOWN:
                sections.append("")
            sections[-1] += piece
    names = ("feedback", *(f"feedback, part {place}" for place in range(2, len(sections) + 1)))
    return dict(zip(names, sections, strict=True))
