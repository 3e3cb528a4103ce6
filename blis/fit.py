"""The command `python -m blis.fit`: learn a server's coefficients from measured runs, through the simulator.

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
ENTRY = "latency.yaml"


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status.

    What was learned goes to standard output, everything else to standard error; `blis.command.composition` says what
    a status means.
    """
    return command("fit", sys.argv[1:] if arguments is None else arguments, _run, _spelled_out)


def _spelled_out(arguments: Sequence[str]) -> list[str]:
    return spelled_out(arguments, ("real", "hold_out"))


def _run(config: Any) -> None:
    """One fit of a composed configuration; called by Hydra, once per job."""
    from blis.fitting.entry import entry_text
    from blis.fitting.fitting import entry_notes, fit
    from blis.fitting.settings import FIT_KEYS, fit_settings
    from blis.foundation.checks import check_choice, check_keys
    from blis.foundation.errors import ConfigError
    from blis.output.calibration.files import write_together
    from blis.output.calibration.fit_text import print_fit
    from blis.output.printing import json_text, print_json
    from blis.output.progress import counted

    given = check_keys("fit", config, (*FIT_KEYS, "output", *simulated_keys()))
    output = check_choice("output", given["output"], OUTPUTS)
    try:
        import scipy  # noqa: F401
    except ImportError as error:
        raise ConfigError("blis.fit needs scipy; install it with pip install 'blis[real]'.") from error
    told = fit_settings(given)
    settings = simulated(given, task_overrides(), python_is_allowed())
    with counted("fitting", None) as tick:
        found = fit(told, settings.scenario, tick)
    document = {**found.plain(), "notes": list(settings.notes)}
    makers = {
        ENTRY: lambda path: path.write_text(entry_text(found.latency(), entry_notes(found)), encoding="utf-8"),
        "fit.json": lambda path: path.write_text(json_text(document), encoding="utf-8"),
    }
    written = write_together(output_folder(), makers)
    if output == "json":
        print_json(document)
    else:
        print_fit(found)
    tell([*settings.notes, *(f"{run.name}: {note}" for run in told.runs for note in run.notes)])
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"written: {', '.join(map(str, written))}; use it: cluster.latency={written[0]}", file=sys.stderr)
    if found.was_interrupted:
        raise KeyboardInterrupt  # what was learned is saved; the status says that somebody wanted an end


if __name__ == "__main__":
    sys.exit(main())
