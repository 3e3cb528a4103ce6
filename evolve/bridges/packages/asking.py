"""Asks the search's judge from a package's own process: one line of JSON out, one in.

Imports nothing heavy, because packages load it in each process that evaluates.
"""

import json
import os
import socket
from typing import Any


def ask(text: str, parent: str | None) -> dict[str, Any]:
    """The judge's reply about a candidate made from another one; waits for it as long as it takes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(os.environ["BLIS_BRIDGE_SOCKET"])
        line.sendall(json.dumps({"text": text, "parent": parent}).encode() + b"\n")
        with line.makefile("rb") as file:
            reply: dict[str, Any] = json.loads(file.readline() or b'{"closed": "the judge is gone"}')
    return reply


def metrics_of(verdict: dict[str, Any]) -> dict[str, float]:
    """The numbers that a package maximises and shows; what comes after the search's end is the worst there is."""
    if "closed" in verdict:
        return {"combined_score": -1.0}
    return {"combined_score": verdict["merit"], **{f"in_{name}": value for name, value in verdict["parts"].items()}}
