"""The command `python -m blis.calibrate`: how near is the simulator to what a real server did?

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import sys
from collections.abc import Sequence
from typing import Any

from blis.command.composition import command, output_folder, python_is_allowed, task_overrides
from blis.command.ending import tell
from blis.command.measured_choice import simulated, simulated_keys, spelled_out
from blis.command.terminating import interruptible

OUTPUTS = ("text", "json")
_OWN_KEYS = ("output", "page", "plots")


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status.

    Figures go to standard output, everything else to standard error; `blis.command.composition` says what a status
    means.
    """
    return command("calibrate", sys.argv[1:] if arguments is None else arguments, _run, spelled_out)


def _run(config: Any) -> None:
    """One calibration of a composed configuration; called by Hydra, once per job."""
    from blis.calibrating.calibration import calibrate
    from blis.calibrating.settings import KEYS, options_from, runs_from
    from blis.foundation.checks import check_choice, check_keys
    from blis.output.calibration.drawing import check_drawable
    from blis.output.calibration.files import write_calibration
    from blis.output.calibration.text import print_calibration
    from blis.output.printing import print_json
    from blis.output.progress import counted

    given = check_keys("calibrate", config, (*KEYS, *_OWN_KEYS, *simulated_keys()))
    options = options_from(given)
    output = check_choice("output", given["output"], OUTPUTS)
    wanted, notes = check_drawable(given["page"], given["plots"])
    runs = runs_from("real", given["real"], given["format"])
    settings = simulated(given, task_overrides(), python_is_allowed())
    with counted("calibrating", len(runs)) as done:
        found = calibrate(runs, settings.scenario, options, done)
    document = {**found.plain(), **_made_with(settings), "notes": [*settings.notes, *notes]}
    written = write_calibration(output_folder(), found, document, wanted)
    if output == "json":
        print_json(document)
    else:
        tell([*settings.notes, *notes, *(f"{one.run.name}: {note}" for one in found.runs for note in one.notes)])
        print_calibration(found)
    print(f"written: {', '.join(map(str, written))}", file=sys.stderr)


def _made_with(settings: Any) -> dict[str, Any]:
    """What the simulated side was."""
    document = settings.document
    return {key: document[key] for key in document if key not in ("workload", "policies")}


if __name__ == "__main__":
    sys.exit(main())
