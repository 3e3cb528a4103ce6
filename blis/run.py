"""The command `python -m blis.run`: one simulation, or a sweep of them.

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from blis.command.composition import command, output_folder, python_is_allowed, task_overrides
from blis.command.ending import tell
from blis.command.overrides import translated
from blis.command.short_lived import short_lived
from blis.command.terminating import interruptible


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status.

    Results go to standard output, everything else to standard error; `blis.command.composition` says what a
    status means.
    """
    if arguments is not None:
        return command("run", arguments, _run, translated)
    with short_lived():
        return command("run", sys.argv[1:], _run, translated)


def _run(config: Any) -> None:
    """One simulation of a composed configuration; called by Hydra, once per job."""
    from blis.command.settings import settings_from_config
    from blis.explaining.counterfactual.rollout import with_rollouts
    from blis.explaining.explanation import explanation
    from blis.explaining.summary import summary_text
    from blis.fitness.weighted import score
    from blis.output.printing import print_json, print_text
    from blis.output.run_folder import write_run
    from blis.result import simulate

    folder = output_folder()
    settings = settings_from_config(config, task_overrides(), python_is_allowed())
    with _progress():
        result = simulate(settings.scenario, trace=settings.trace)
        if settings.counterfactual is not None:
            result = with_rollouts(result, settings.counterfactual)
    metrics = result.metrics()
    if settings.fitness:
        metrics["fitness"] = score(settings.fitness, metrics)
    told = summary = None
    if settings.traced:
        told = explanation(result)
        summary = summary_text(result, metrics, told)
    notes, lost = [*settings.notes, *metrics["notes"]], _export_notes(settings, result)
    metrics["notes"] = [*notes, *lost]
    if settings.output == "json":
        print_json(metrics if told is None else {**metrics, "explanation": told})
    else:
        tell(notes)
        print_text(metrics, result.engine_s)
        if summary is not None:
            print(f"\n{summary}", end="")
    write_run(folder, settings, result, metrics, told, summary)
    if sys.stderr.isatty():
        print(f"written: {folder}", file=sys.stderr)


def _export_notes(settings: Any, result: Any) -> list[str]:
    """What the exported trace cannot hold."""
    if not settings.export_requests:
        return []
    from blis.workload.kinds.trace_v2 import loses_prefixes

    notes = []
    if loses_prefixes(result.requests):
        notes.append(
            "trace.csv cannot express how these requests share prefixes (conversations or block hashes): "
            "a replay has none"
        )
    if (result.requests.after >= 0).any():
        notes.append(
            "trace.csv cannot express that requests wait for answers: a replay sends them at their estimated times"
        )
    for note in notes:
        print(f"warning: {note}", file=sys.stderr)
    return notes


def _progress() -> Any:
    """A line on a terminal's standard error while the simulation runs; nothing elsewhere."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    from blis.engine._jit import cache_folder

    folder = cache_folder()
    is_compiled = folder is not None and folder.is_dir()
    what = "simulating" if is_compiled else "compiling the engine (half a minute, only after a change)"
    return Console(stderr=True).status(what)


if __name__ == "__main__":
    sys.exit(main())
