"""The command `python -m blis.observe`: send a workload to a real server, and record what comes back.

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import sys
from collections.abc import Sequence
from typing import Any

from blis.command.composition import command, output_folder, task_overrides
from blis.command.ending import tell
from blis.command.overrides import translated
from blis.command.terminating import interruptible
from blis.foundation.errors import BlisError


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status.

    Results go to standard output, everything else to standard error; `blis.command.composition` says what a status
    means.
    """
    return command("observe", sys.argv[1:] if arguments is None else arguments, _run, _spelled_out)


def _spelled_out(arguments: Sequence[str]) -> list[str]:
    """`output=json` sets the format, and the folder of the trace is Hydra's, which would make one of its own."""
    words: list[str] = []
    place = "hydra.sweep.dir" if {"-m", "--multirun"} & set(arguments) else "hydra.run.dir"
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key == "output" and not value.startswith("{"):
            words.append(f"output.format={value}")
        elif key == "output.folder":
            words += [f"output.folder={_quoted(value)}", f"{place}={_quoted(value)}"]
        elif key in ("resume", "recover") and value:
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
    from blis.observing.conducting import observe, recover
    from blis.observing.settings import ObserveSettings
    from blis.observing.stored import check_unused, earlier, gone_on

    overrides, folder = task_overrides(), output_folder()
    notes = drawn_notes(config)
    document = with_scenario(config, overrides)
    for name in ("cluster", "slo", "horizon_us"):  # a scenario's, of a simulated cluster
        document.pop(name, None)
    where = "recover" if document.get("recover") is not None else "resume"
    recorded = None
    if document.get(where) is None:
        check_unused(folder)
    else:
        folder, recorded = earlier(where, document[where])
        document = gone_on(where, folder, document, overrides)
    settings = ObserveSettings.from_mapping(document)
    if settings.dry_run:
        _rehearse(settings, notes, recorded)
        return
    if where == "recover":
        observed = recover(settings, folder)
    else:
        observed = observe(settings, folder, recorded, _watcher())
    _tell(settings, observed.metrics, notes)
    if sys.stderr.isatty():
        print(f"written: {folder}", file=sys.stderr)
    if observed.was_interrupted:
        print(f"note: resume={folder} sends what is missing", file=sys.stderr)
        raise KeyboardInterrupt
    if where == "resume" and observed.metrics["sent"] and not observed.metrics["ok"]:
        raise UnansweredError(f"no request was answered well: {_counted(observed.metrics['errors'])}.")


def _tell(settings: Any, metrics: Any, notes: Sequence[str]) -> None:
    from blis.output.observation import print_text
    from blis.output.printing import print_json

    if settings.output == "json":
        print_json({**metrics, "notes": [*notes, *metrics["notes"]]})
        return
    tell([*notes, *metrics["notes"]])
    print_text(metrics)


def _rehearse(settings: Any, notes: Sequence[str], recorded: Any) -> None:
    """Say what would be sent."""
    from blis.observing.rehearsal import print_rehearsal, rehearsal
    from blis.observing.rows import workload_of
    from blis.output.printing import print_json

    n_kept = 0 if recorded is None else sum(not one.is_unfinished for one in recorded.observations.values())
    document = rehearsal(settings, workload_of(settings), n_kept)
    if settings.output == "json":
        print_json(document)
        return
    tell([*notes, *document["notes"]])
    print_rehearsal(document)


def _watcher() -> Any:
    """A bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        return None
    from blis.observing.progress import bar

    return bar


def _counted(errors: Any) -> str:
    """Kinds of what went wrong, each with how often."""
    return ", ".join(f"{kind} ({count})" for kind, count in errors.items())


class UnansweredError(BlisError):
    """A server was sent requests, and answered none of them."""


if __name__ == "__main__":
    sys.exit(main())
