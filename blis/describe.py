"""The command `python -m blis.workload describe`: a table, JSON or a picture of any workload.

Takes the overrides of `blis.run`, so that one describes exactly what a run would meet. Imports nothing heavy before it
is needed.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blis.command.composition import command, python_is_allowed
from blis.command.ending import OK, WRONG_INPUT, tell
from blis.command.overrides import translated
from blis.command.terminating import interruptible
from blis.foundation.errors import ConfigError
from blis.foundation.files import write_whole
from blis.foundation.words import shown

USAGE = """\
usage: python -m blis.workload describe [key=value ...] [--json]

  workload=NAME  workload.KEY=VALUE ...   as python -m blis.run takes them: path, rate, num_requests ...; seed=N
  output=text|json                        tables, or one JSON document (also --json)
  plots=FILE.png                          also draw a picture

examples:
  python -m blis.workload describe workload=azure plots=azure.png
  python -m blis.workload describe workload=servegen workload.path=FOLDER workload.span_end_s=86400 --json

Exit status: 0 described; 1 failed; 2 wrong input; 130 interrupted.
"""


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] != ["describe"] or {"-h", "--help"} & set(given):
        asked = bool({"-h", "--help"} & set(given))
        print(USAGE, end="", file=sys.stdout if asked else sys.stderr)
        return OK if asked else WRONG_INPUT
    words = ["output=json" if argument == "--json" else argument for argument in given[1:]]
    # There is no run, so nothing is left behind.
    return command("run", ["hydra.run.dir=.", *words], _describe, translated)


def _describe(config: Any) -> None:
    """Describe the workload of a composed configuration."""
    from blis.command.settings import settings_from_config
    from blis.output.printing import print_json
    from blis.workload.description.summary import describe
    from blis.workload.description.tables import print_tables

    path = _picture_path(config.pop("plots", None))
    settings = settings_from_config(config, allow_python=python_is_allowed())
    scenario = settings.scenario
    requests = scenario.requests()
    description = {"workload": scenario.workload.kind, "seed": scenario.seed, **describe(requests)}
    description["notes"] = [*settings.notes, *description["notes"]]
    if path is not None:
        from blis.workload.description.picture import write_picture

        title = f"{scenario.workload.kind}: {len(requests):,} requests, seed {scenario.seed}"
        write_whole("plots", path, lambda aside: write_picture(requests, description, title, aside))
    if settings.output == "json":
        print_json(description)
    else:
        tell(description["notes"])
        print_tables(description)


def _picture_path(value: object) -> Path | None:
    """The file to draw into; None for no picture."""
    if value is None or value is False:
        return None
    if not isinstance(value, str) or not value.endswith(".png") or not Path(value).parent.is_dir():
        raise ConfigError(f"plots must be the path of a .png file in a folder that exists; got {shown(value)}.")
    return Path(value)
