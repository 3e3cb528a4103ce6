"""The command `python -m blis.observe`: send a workload to a real server, and record what comes back.

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import sys
from collections.abc import Sequence
from typing import Any

from blis.command.composition import command, output_folder, task_overrides
from blis.command.ending import tell
from blis.command.overrides import translated


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status.

    Results go to standard output, everything else to standard error; `blis.command.composition` says what a status
    means.
    """
    return command("observe", sys.argv[1:] if arguments is None else arguments, _run, _spelled_out)


def _spelled_out(arguments: Sequence[str]) -> list[str]:
    """`output=json` sets the format, and the folder of the trace is Hydra's, which would make one of its own."""
    words: list[str] = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key == "output" and not value.startswith("{"):
            words.append(f"output.format={value}")
        elif key == "output.folder":
            words += [f"output.folder={_quoted(value)}", f"hydra.run.dir={_quoted(value)}"]
        elif key in ("resume", "recover"):
            words += [f"{key}={_quoted(value)}", f"hydra.run.dir={_quoted(value)}"]
        elif key == "server.url":
            words.append(f"{key}={_quoted(value)}")
        else:
            words.append(argument)
    return translated(words)


def _quoted(text: str) -> str:
    """A text as Hydra takes it whatever stands in it."""
    if text[:1] in ("'", '"') or not text:
        return text
    escaped = text.replace("\\'", "\\\\'").replace("'", "\\'")
    return f"'{escaped}'"


def _run(config: Any) -> None:
    """One observation of a composed configuration; called by Hydra, once per job."""
    from blis.command.scenario_choice import drawn_notes, with_scenario
    from blis.observing.conducting import observe
    from blis.observing.figures import figures
    from blis.observing.settings import ObserveSettings
    from blis.output.printing import print_json

    notes = drawn_notes(config)
    document = with_scenario(config, task_overrides())
    for name in ("cluster", "slo", "horizon_us"):  # a scenario's, of a simulated cluster
        document.pop(name, None)
    settings = ObserveSettings.from_mapping(document)
    observed = observe(settings, output_folder())
    tell([*notes, *observed.notes])
    print_json(figures(observed.requests, observed.observations))
    if observed.was_interrupted:
        raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
