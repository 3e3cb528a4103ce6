"""The command `python -m evolve.report FOLDER`: evidence on the champion of a search, or a table of a sweep.

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blis.command.composition import command, python_is_allowed
from blis.command.overrides import flags_apart
from blis.command.terminating import interruptible
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

OUTPUTS = ("text", "json")
_KEYS = (
    *("run", "half_width", "first_seeds", "most_runs", "sweep_seeds", "random_search", "seed", "evaluator", "tracker"),
    *("today", "rivals", "ceiling", "ceiling_seeds", "ceiling_requests", "allow_python", "output"),
)


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status.

    The summary goes to standard output, everything else to standard error; `blis.command.composition` says what a
    status means.
    """
    return command("evolve_report", sys.argv[1:] if arguments is None else arguments, _run, _spelled_out)


def _spelled_out(arguments: Sequence[str]) -> list[str]:
    """FOLDER as `run=FOLDER`."""
    spelled, words = flags_apart(arguments)
    for word in words:
        key, is_assignment, value = word.partition("=")
        if not is_assignment:
            key, value = "run", word
        if key == "run":
            _check_folder(value)
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            spelled.append(f"run='{escaped}'")
        else:
            spelled.append(word)
    if not any(one.startswith(("run=", "-")) for one in spelled):
        raise ConfigError("run must be given: python -m evolve.report FOLDER, the folder of a search or a sweep.")
    return spelled


def _check_folder(value: str) -> None:
    """Refuse what is no folder whose contents can be seen."""
    reason = ""
    try:
        if Path(value).is_dir():
            next(Path(value).iterdir(), None)
            return
    except OSError as error:
        reason = f" ({error.strerror or error})"
    raise ConfigError(f"run must be the folder of a search or a sweep; got {shown(value)}{reason}.")


def _run(config: Any) -> None:
    from blis.foundation.checks import check_choice, check_flag, check_keys
    from evolve.evidence.options import Options
    from evolve.evidence.reporting import report_on, report_on_sweep
    from evolve.evidence.searched import is_search

    given = check_keys("report", config, _KEYS, _KEYS)
    check_flag("allow_python", given["allow_python"])
    output = check_choice("output", given["output"], OUTPUTS)
    folder = Path(str(given["run"]))
    if is_search(folder):
        report_on(folder, Options.from_mapping(given, python_is_allowed()), output)
    else:
        report_on_sweep(folder, output)


if __name__ == "__main__":
    sys.exit(main())
