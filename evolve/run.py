"""The command `python -m evolve.run`: one search, or a sweep of them.

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from blis.command.composition import command, output_folder, python_is_allowed, task_overrides
from blis.command.overrides import members_quoted
from blis.command.short_lived import short_start
from blis.command.terminating import interruptible
from blis.foundation.errors import ConfigError
from blis.foundation.files import read_text

#: How much evidence a search gathers by itself; a rival at random would cost as much as the search.
REPORT: dict[str, Any] = {"sweep_seeds": 2, "random_search": False, "seed": 1}

#: The key that `scenario=` sets.
SCENARIO = "scenario.names"


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status.

    The verdict goes to standard output, everything else to standard error; `blis.command.composition` says what a
    status means.
    """
    if arguments is not None:
        return command("evolve", arguments, partial(_run, started=_unheard), _spelled_out)
    with short_start() as started:
        return command("evolve", sys.argv[1:], partial(_run, started=started), _spelled_out)


def _unheard() -> None:
    return None


def _spelled_out(arguments: Sequence[str]) -> list[str]:
    # The folder conf/scenario makes Hydra take scenario=NAME for the choice of a group, which it is nowhere.
    words = [
        f"++{SCENARIO}={members_quoted(word.partition('=')[2])}" if word.startswith("scenario=") else word
        for word in arguments
    ]
    words = [meant for word in words for meant in (_baselines(word) if word.startswith("baselines=") else [word])]
    resumed = [word.partition("=")[2] for word in words if word.startswith("resume=")]
    if (
        len(resumed) == 1
        and Path(resumed[0].strip("'\"")).is_dir()
        and not any("hydra.run.dir=" in one for one in words)
    ):
        words.append(f"hydra.run.dir={resumed[0]}")  # Hydra would make a folder of its own, and nothing goes there
    return words


def _baselines(word: str) -> list[str]:
    """Files among the baselines by the names of the files: Hydra knows choices of the group alone."""
    listed = [one.strip().strip("'\"") for one in word.partition("=")[2].strip("[]").split(",")]
    files = [one for one in listed if one.endswith((".yaml", ".yml"))]
    if not files:
        return [word]
    groups = ",".join(one for one in listed if one not in files)
    named = [f"++baselines.{Path(one).stem}='{one}'" for one in files]
    return [f"baselines={groups}" if groups else "~baselines", *named]


def _run(config: Any, started: Callable[[], None]) -> None:
    """One search of a composed configuration; called by Hydra, once per job. `started` hears that it begins."""
    from evolve.outcome.run_folder import check_unused, stored_config
    from evolve.settings import Settings, resumed

    if config.get("resume") is None:
        check_unused(output_folder())
        _search(Settings.from_mapping(config, python_is_allowed()), output_folder(), started)
    else:
        folder, stored = stored_config(config["resume"])
        _search(Settings.from_mapping(resumed(stored, config, task_overrides()), python_is_allowed()), folder, started)


def _search(settings: Any, folder: Path, started: Callable[[], None]) -> None:
    from evolve.outcome.results import SUMMARY
    from evolve.outcome.run_folder import keep_config
    from evolve.search.loop import Search
    from evolve.search.setup import open_plan
    from evolve.trackers.opening import open_tracker

    if getattr(settings.algorithm, "NEEDS_BRIDGE", False):
        name = settings.labels.algorithm
        raise ConfigError(f"algorithm: {name} proposes from outside; python -m evolve.bridge package={name} runs it.")
    tracker = open_tracker("tracker", settings.tracker)
    plan, evaluator = open_plan(settings, folder)
    try:
        keep_config(folder, settings.document)
        started()
        Search(plan, tracker).run()
    finally:
        evaluator.close()
    print(read_text(folder / SUMMARY).split("\n## Fitness")[0])
    if settings.report and not (folder / "report.html").exists():
        from evolve.evidence.options import Options
        from evolve.evidence.reporting import report_on

        report_on(
            folder, Options(settings.evaluator, settings.tracker, allow_python=python_is_allowed(), **REPORT), "text"
        )
    print(f"written: {folder}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
