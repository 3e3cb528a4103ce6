"""The child process that runs cases: one line of JSON in, one line out.

A request is {"draw": [seed, number, mode]}, {"examine": case}, {"rows": case} or {"warm": true}; the first two are
answered by {"case": ..., "verdict": ...}, the others by {"rows": [...]} and {}.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, replace
from typing import Any, TextIO

from blis.engine.answers import compiled_answer
from blis.engine.loop import compile_loops
from blis.engine.rollout import compile_rollouts
from blis.foundation.answers import QUESTIONS, choices
from blis.foundation.errors import ConfigError
from experiments.fuzz.case import Case, case_from_mapping, case_to_mapping
from experiments.fuzz.draw import draw_case
from experiments.fuzz.examination import examine
from experiments.fuzz.subject import Subject, rows_of


def main() -> int:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    answers = _answers_only()
    for line in sys.stdin:
        answers.write(json.dumps(_answer(json.loads(line))) + "\n")
        answers.flush()
    return 0


def _answers_only() -> TextIO:
    """The output, kept from whatever else might print."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stream


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    if "warm" in request:
        _compile()
        return {}
    if "draw" in request:
        return _examined(draw_case(*request["draw"]))
    case = case_from_mapping("request", request.get("examine") or request["rows"])
    if "examine" in request:
        return _examined(case)
    try:
        rows = rows_of(Subject(case).requests)
    except ConfigError:
        return {"rows": None}
    return {"rows": case_to_mapping(replace(case, rows=rows))["rows"]}


def _compile() -> None:
    """Make or load all machine code, so that no case pays for it."""
    compile_loops(), compile_rollouts()
    for question in (*QUESTIONS, "scoring", "latency"):
        for name in choices(question):
            compiled_answer(question, name)


def _examined(case: Case) -> dict[str, Any]:
    verdict = examine(case)
    return {"case": case_to_mapping(case) if verdict.failures or verdict.refused else None, "verdict": asdict(verdict)}


if __name__ == "__main__":
    sys.exit(main())
