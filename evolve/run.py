"""The command `python -m evolve.run`: one search, or a sweep of them.

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blis.composition import command, output_folder, task_overrides

#: The key that `scenario=` sets.
SCENARIO = "scenario.names"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status.

    The verdict goes to standard output, everything else to standard error; what a status means says `blis.composition`.
    """
    given = sys.argv[1:] if arguments is None else arguments
    # The folder conf/scenario makes Hydra take scenario=NAME for the choice of a group, which it is nowhere.
    named = [f"++{SCENARIO}={word.partition('=')[2]}" if word.startswith("scenario=") else word for word in given]
    return command("evolve", named, _run)


def _run(config: Any) -> None:
    """One search of a composed configuration; called by Hydra, once per job."""
    from evolve.run_folder import check_unused, composed, stored_config
    from evolve.settings import Settings, resumed

    own_folder = output_folder()
    try:
        given = composed(config)
        if given.get("resume") is None:
            check_unused(own_folder)
            _search(Settings.from_mapping(given), own_folder)
        else:
            folder, stored = stored_config(given["resume"])
            _search(Settings.from_mapping(resumed(stored, given, task_overrides())), folder)
    finally:
        if own_folder.is_dir() and not any(own_folder.iterdir()):
            own_folder.rmdir()  # Hydra makes it before anything is checked, and for a search that goes on elsewhere


def _search(settings: Any, folder: Path) -> None:
    from evolve.results import SUMMARY
    from evolve.run_folder import keep_config
    from evolve.search import Search
    from evolve.setup import open_plan
    from evolve.trackers.opening import open_tracker

    tracker = open_tracker("tracker", settings.tracker)
    plan, evaluator = open_plan(settings, folder)
    try:
        keep_config(folder, settings.document)
        Search(plan, tracker).run()
    finally:
        evaluator.close()
    print((folder / SUMMARY).read_text(encoding="utf-8").split("\n## Fitness")[0])
    print(f"written: {folder}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
