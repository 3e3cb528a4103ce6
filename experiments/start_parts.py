"""`python -m experiments.start_parts FOLDER`: one `blis.run` on the default workload, timed from inside.

Prints what each part took as JSON [s]: to import what a run needs, to compose and check the configuration, to look up
the cluster and load kernels, to simulate and sum up, to print and write. Starting and ending the interpreter is none of
them. It lies outside `experiments.bench`, which imports too much before a clock could start.
"""

import importlib
import io
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

from blis.command.short_lived import short_lived

_BEGAN_S = time.perf_counter()

#: What a run imports, by the first of each; what `_TIMED` names is imported too.
MODULES = ("hydra", "numba", "pyarrow.parquet", "rich.console", "rich.table", "blis.run", "blis.explaining.explanation")

#: Functions of a run: the part that each is, and where it is looked up.
_TIMED = (
    ("composition", "blis.command.composition", "_compose"),
    ("composition", "blis.command.settings", "settings_from_config"),
    ("simulation", "blis.result", "simulate"),
    ("kernels", "blis.result", "prepare"),
    ("kernels", "blis.result", "compiled_loop"),
    ("output", "blis.output.printing", "print_text"),
    ("output", "blis.output.run_folder", "write_run"),
)


class Stopwatch:
    """Time by part; within one part another can run, whose time is its own."""

    def __init__(self) -> None:
        self.parts_s: Counter[str] = Counter()
        self._part, self._since_s = "import", _BEGAN_S

    def turn_to(self, part: str) -> str:
        """Go on with another part; the one until now."""
        now_s, before = time.perf_counter(), self._part
        self.parts_s[before] += now_s - self._since_s
        self._part, self._since_s = part, now_s
        return before

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time counted as the part's."""

        def run(*arguments: Any, **options: Any) -> Any:
            before = self.turn_to(part)
            try:
                return function(*arguments, **options)
            finally:
                self.turn_to(before)

        return run


def main(folder: str) -> int:
    """Run and print the parts; the command's own exit status."""
    watch = Stopwatch()
    with short_lived():  # as the command does it, before it imports anything
        for name in (*MODULES, *(module for _, module, _ in _TIMED)):
            importlib.import_module(name)
    for part, module, function in _TIMED:
        place = importlib.import_module(module)
        setattr(place, function, watch.timed(part, getattr(place, function)))
    import blis.run

    blis.run._run = watch.timed("simulation", blis.run._run)  # metrics, beside what is timed by itself
    sys.argv = ["blis.run", f"hydra.run.dir={folder}"]
    with redirect_stdout(io.StringIO()):
        status = blis.run.main()
    watch.turn_to("")
    print(json.dumps(watch.parts_s))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
