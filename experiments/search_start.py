"""`python -m experiments.search_start FOLDER`: one `evolve.run` with threads, ended where its first generation begins.

Prints as JSON when the search began and when its baselines were known [s since the program's first line]. The time of
the whole process, from outside, is that of a start. Nobody is told but the console: MLflow's own imports are MLflow's.
"""

import json
import os
import sys
import time
from typing import Any

_BEGAN_S = time.perf_counter()

from blis.command.short_lived import short_lived  # noqa: E402 - the clock comes first


def main(folder: str) -> int:
    """Start a search; the command's own exit status, if it ends otherwise than at its first generation."""
    with short_lived():  # as the command does it, before it imports anything
        import evolve.run
        from evolve.search.loop import Search

    reached_s: dict[str, float] = {}
    judge_baselines = Search._judge_baselines

    def judge(search: Search) -> Any:
        reached_s["search"] = time.perf_counter() - _BEGAN_S
        return judge_baselines(search)

    def leave(search: Search) -> None:
        reached_s["first_generation"] = time.perf_counter() - _BEGAN_S
        print(json.dumps(reached_s), flush=True)
        os._exit(0)

    Search._judge_baselines = judge  # type: ignore[method-assign]
    Search._generation = leave  # type: ignore[method-assign]
    sys.argv = ["evolve.run", "evaluator=threads", "tracker=console", "report=false", f"hydra.run.dir={folder}"]
    return evolve.run.main()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
