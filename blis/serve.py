"""The command `python -m blis.serve`: the simulator as a server that speaks OpenAI's protocol."""

import sys
from collections.abc import Sequence
from typing import Any

from blis.command.composition import command, output_folder, python_is_allowed, task_overrides
from blis.command.ending import tell
from blis.command.overrides import translated
from blis.command.terminating import interruptible

#: Keys of the configuration that say what is served; the rest is the server's own.
_SCENARIO_KEYS = ("cluster", "scenario", "semantics", "seed", "slo", "policies", "allow_python")


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status."""
    return command("serve", sys.argv[1:] if arguments is None else arguments, _run, translated)


def _run(config: Any) -> None:
    """One server of a composed configuration; called by Hydra."""
    from blis.foundation.files import write_text_whole
    from blis.output.printing import json_text
    from blis.serving.deployment import unasked
    from blis.serving.recording import record_all
    from blis.serving.running import serve
    from blis.serving.summary import summary, summary_lines

    folder = output_folder()
    settings, notes = settings_of(config)
    if settings.behind == "instances" and (questions := unasked(settings.scenario)):
        notes = (*notes, f"behind=instances asks no router: {', '.join(questions)} decide nothing (behind=router).")
    tell(notes)
    served = serve(settings)
    document = summary(served, settings)
    if settings.record is not None:
        document["recorded"], lost = record_all([front.engine for front in served.fronts], settings.record)
        tell(lost)
    if settings.output == "json":
        sys.stdout.write(json_text(document))
    else:
        print("\n".join(summary_lines(document)))
    sys.stdout.flush()
    write_text_whole("hydra.run.dir", folder / "serve.json", json_text(document))


def settings_of(config: dict[str, Any]) -> Any:
    """What the server is told to do, and notes for people.

    Raises
    ------
    ConfigError
        If a key is unknown or a value wrong, at any level.
    """
    from dataclasses import replace

    from blis.command.settings import settings_from_config
    from blis.foundation.answers import QUESTIONS
    from blis.foundation.checks import check_keys
    from blis.serving.settings import KEYS, ServeSettings

    given = check_keys("serve", config, (*KEYS, *_SCENARIO_KEYS, *QUESTIONS), ("cluster",))
    own = {key: given.pop(key) for key in KEYS if key in given}
    # What arrives is what clients send: the workload is a stand-in that is never asked for.
    run = settings_from_config(
        {**given, "workload": {"kind": "distribution", "rate": 1.0, "num_requests": 1}},
        task_overrides(),
        python_is_allowed(),
    )
    return ServeSettings.from_mapping(own, replace(run.scenario, horizon_us=None)), run.notes


if __name__ == "__main__":
    sys.exit(main())
