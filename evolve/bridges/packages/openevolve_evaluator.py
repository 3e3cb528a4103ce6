"""The evaluation file that OpenEvolve loads in its own processes: asks the search's judge, and runs nothing itself."""

import sys
from typing import Any


def evaluate(program_path: str) -> Any:
    """Metrics and artifacts of a candidate, as OpenEvolve wants them."""
    from openevolve.evaluation_result import EvaluationResult

    from evolve.bridges.packages.asking import ask, metrics_of

    with open(program_path, encoding="utf-8") as file:
        text = file.read()
    verdict = ask(text, getattr(sys.modules.get("evolve.bridges.packages.openevolve_lineage"), "parent_code", None))
    if "closed" in verdict:
        return EvaluationResult({**metrics_of(verdict), "error": 0.0}, {"feedback": verdict["closed"]})
    return EvaluationResult(metrics_of(verdict), {"feedback": verdict["feedback"], "status": verdict["status"]})
