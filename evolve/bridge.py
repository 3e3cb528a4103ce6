"""The command `python -m evolve.bridge`: a search whose candidates are source that a language model writes.

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from blis.command.composition import command, output_folder, python_is_allowed
from blis.command.overrides import members_quoted
from blis.command.short_lived import short_start
from blis.command.terminating import interruptible
from blis.foundation.errors import ConfigError
from blis.foundation.files import read_text


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status.

    The verdict goes to standard output, everything else to standard error; `blis.command.composition` says what a
    status means.
    """
    if arguments is not None:
        return command("bridge", arguments, partial(_run, started=_unheard), _spelled_out)
    with short_start() as started:
        return command("bridge", sys.argv[1:], partial(_run, started=started), _spelled_out)


def _unheard() -> None:
    return None


def _spelled_out(arguments: Sequence[str]) -> list[str]:
    """`package=NAME` is the choice of an algorithm; the folder conf/scenario makes Hydra take scenario= for a group."""
    words = []
    for word in arguments:
        key, _, value = word.partition("=")
        if key == "package":
            words.append(f"algorithm={value}")
        elif key == "scenario":
            words.append(f"++scenario.names={members_quoted(value)}")
        elif key.startswith("package."):
            words.append(f"algorithm.{key.removeprefix('package.')}={value}")
        elif key == "resume":
            raise ConfigError(
                "resume: a search by a language model cannot go on, because what was going on outside is not known "
                "any more; give its champion's source as a seed of a new one, see docs/bridges.md."
            )
        else:
            words.append(word)
    return words


def _run(config: Any, started: Callable[[], None]) -> None:
    """One search of a composed configuration; called by Hydra, once per job. `started` hears that it begins."""
    from evolve.bridges.running import run_bridge
    from evolve.outcome.results import SUMMARY
    from evolve.outcome.run_folder import check_unused
    from evolve.settings import Settings
    from evolve.trackers.opening import open_tracker

    folder = output_folder()
    check_unused(folder)
    settings = Settings.from_mapping(config, python_is_allowed())
    tracker = open_tracker("tracker", settings.tracker)
    judging = run_bridge(settings, folder, tracker, started)
    print(read_text(folder / SUMMARY).split("\n## Fitness")[0])
    if judging.refused:
        print(f"{judging.refused} candidates were refused before they ran: proposals.jsonl says why.", file=sys.stderr)
    if settings.report:
        from evolve.evidence.options import Options
        from evolve.evidence.reporting import report_on

        report_on(folder, Options(settings.evaluator, settings.tracker, sweep_seeds=2, random_search=False), "text")
    print(f"written: {folder}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
