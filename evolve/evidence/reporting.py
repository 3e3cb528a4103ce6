"""A report on the champion in a run folder, or on a sweep: gathered, written and told."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blis.foundation.errors import ConfigError
from blis.output.printing import json_text, print_json
from evolve.evidence.gathering import gather
from evolve.evidence.options import Options
from evolve.evidence.sweep_table import read_sweep, sweep_figure, sweep_markdown, sweep_plain
from evolve.evidence.text import summary
from evolve.evidence.writing import write_dossier
from evolve.outcome.figures import save
from evolve.outcome.files import write_text_whole
from evolve.trackers.opening import add_files, check_tracker


def report_on(folder: Path, options: Options, output: str) -> None:
    """Report on the champion in a run folder.

    The summary (`output` text) or the whole of it (json) goes to standard output, progress to standard error.

    Raises
    ------
    ConfigError
        If the folder holds no search, its files are not what a search writes, or it cannot be written.
    """
    check_tracker("tracker", options.tracker)
    with progress() as done:
        dossier = gather(folder, options, done)
    paths = write_dossier(folder, dossier, options.today)
    for note in add_files("tracker", options.tracker, folder, paths):
        print(note, file=sys.stderr)
    if output == "json":
        print_json(dossier.plain())
    else:
        print(summary(dossier), end="")
    print(f"written: {folder / 'report.html'}", file=sys.stderr)


def report_on_sweep(folder: Path, output: str) -> None:
    """Report on the searches in the folder of a sweep, as `report_on` does on one.

    Raises
    ------
    ConfigError
        If it is no folder of a sweep, or cannot be written.
    """
    if not (folder / "multirun.yaml").is_file():  # Hydra's mark of a sweep
        raise ConfigError(f"{folder} must be the folder of a search, or of a sweep (evolve.run -m); it is neither.")
    outcomes, notes = read_sweep(folder)
    plain, text = sweep_plain(outcomes, notes), sweep_markdown(outcomes, notes)
    write_text_whole(folder / "sweep.md", text)
    write_text_whole(folder / "sweep.json", json_text(plain))
    save(sweep_figure(outcomes), folder / "sweep.png")
    if output == "json":
        print_json(plain)
    else:
        print(text, end="")
    print(f"written: {folder / 'sweep.md'}", file=sys.stderr)


@contextmanager
def progress() -> Iterator[Callable[[str, int], None]]:
    """What is being asked, and how many simulations are done: live on a terminal, else a line for each question."""
    counts: dict[str, int] = {}

    def say(question: str, count: int) -> None:
        if question not in counts:
            print(f"asking: {question}", file=sys.stderr, flush=True)
        counts[question] = counts.get(question, 0) + count

    if not sys.stderr.isatty():
        yield say
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:

        def show(question: str, count: int) -> None:
            counts[question] = counts.get(question, 0) + count
            status.update(f"{question}: {counts[question]:,} simulations")

        yield show
