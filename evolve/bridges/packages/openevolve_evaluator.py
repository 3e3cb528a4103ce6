"""The evaluation file that OpenEvolve loads in its own processes: asks the search's judge, and runs nothing itself.

Needs nothing of this project, so that it loads at once.
"""

import json
import os
import socket
import sys
from typing import Any


def evaluate(program_path: str) -> Any:
    """Metrics and artifacts of a candidate, as OpenEvolve wants them."""
    from openevolve.evaluation_result import EvaluationResult

    with open(program_path, encoding="utf-8") as file:
        text = file.read()
    parent = getattr(sys.modules.get("evolve.bridges.packages.openevolve_lineage"), "parent_code", None)
    verdict = ask({"text": text, "parent": parent})
    if "closed" in verdict:
        return EvaluationResult({"combined_score": -1.0, "error": 0.0}, {"feedback": verdict["closed"]})
    metrics = {"combined_score": verdict["merit"]}
    metrics |= {f"in_{name}": value for name, value in verdict["parts"].items()}
    return EvaluationResult(metrics, {"feedback": verdict["feedback"], "status": verdict["status"]})


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """The judge's reply; waits for it as long as it takes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(os.environ["BLIS_BRIDGE_SOCKET"])
        line.sendall(json.dumps(request).encode() + b"\n")
        with line.makefile("rb") as file:
            reply: dict[str, Any] = json.loads(file.readline() or b'{"closed": "the judge is gone"}')
    return reply
