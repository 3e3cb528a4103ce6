"""The command `python -m evolve.report FOLDER`: evidence on the champion of a search, or a table of a sweep.

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blis.command.composition import command
from blis.foundation.errors import ConfigError

OUTPUTS = ("text", "json")
_KEYS = ("run", "seeds", "sweep_seeds", "random_search", "seed", "evaluator", "output")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status.

    The summary goes to standard output, everything else to standard error; `blis.command.composition` says what a
    status means.
    """
    return command("evolve_report", sys.argv[1:] if arguments is None else arguments, _run, _spelled_out)


def _spelled_out(arguments: Sequence[str]) -> list[str]:
    """FOLDER as `run=FOLDER`."""
    spelled: list[str] = []
    for argument in arguments:
        key, is_assignment, value = argument.partition("=")
        follows_flag = bool(spelled) and spelled[-1].startswith("-")
        if not is_assignment and not argument.startswith("-") and not follows_flag:
            key, value = "run", argument
        if key == "run":
            if not Path(value).is_dir():
                raise ConfigError(f"run must be the folder of a search or a sweep; got {value!r}.")
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            spelled.append(f"run='{escaped}'")
        else:
            spelled.append(argument)
    if not any(one.startswith(("run=", "-")) for one in spelled):
        raise ConfigError("run must be given: python -m evolve.report FOLDER, the folder of a search or a sweep.")
    return spelled


def _run(config: Any) -> None:
    from blis.foundation.checks import check_choice, check_keys

    given = check_keys("report", config, _KEYS, _KEYS)
    output = check_choice("output", given["output"], OUTPUTS)
    folder = Path(str(given["run"]))
    if (folder / "champion.yaml").is_file() or (folder / "config.yaml").is_file():
        report_search(folder, given, output)
    else:
        _report_sweep(folder, output)


def report_search(folder: Path, given: Mapping[str, Any], output: str) -> None:
    """Report on the champion in a run folder, as `given`, the values of `conf/evolve_report.yaml`, asks for."""
    from blis.output.printing import print_json
    from evolve.evidence.gathering import gather, write_dossier
    from evolve.evidence.text import summary

    with _progress() as done:
        dossier = gather(folder, _options(given), done)
    paths = write_dossier(folder, dossier)
    _keep(folder, paths)
    if output == "json":
        print_json(dossier.plain())
    else:
        print(summary(dossier), end="")
    print(f"written: {folder / 'report.html'}", file=sys.stderr)


def _report_sweep(folder: Path, output: str) -> None:
    from blis.output.printing import json_text, print_json
    from evolve.evidence.sweep_table import read_sweep, sweep_figure, sweep_markdown, sweep_plain
    from evolve.outcome.figures import save
    from evolve.outcome.files import write_text_whole

    if not (folder / "multirun.yaml").is_file():
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


def _options(given: Mapping[str, Any]) -> Any:
    from blis.foundation.checks import check_int
    from evolve.evidence.gathering import Options

    if not isinstance(given["random_search"], bool):
        raise ConfigError(f"random_search must be true or false; got {given['random_search']!r}.")
    seeds = check_int("seeds", given["seeds"], 3, 10_000)
    return Options(
        evaluator=given["evaluator"],
        seeds=seeds,
        sweep_seeds=check_int("sweep_seeds", given["sweep_seeds"], 2, seeds),
        random_search=given["random_search"],
        seed=check_int("seed", given["seed"], 0),
    )


def _keep(folder: Path, paths: Sequence[Path]) -> None:
    """Add the report to the search's MLflow run, if it has one; the report is complete without."""
    from evolve.trackers.mlflow_run import log_later, run_of

    if run_of(folder) is None:
        return
    try:
        log_later(folder, paths)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the store, the report stands
        print(f"warning: the report could not be kept in MLflow ({type(error).__name__}: {error}).", file=sys.stderr)


@contextmanager
def _progress() -> Iterator[Callable[[str, int], None]]:
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


if __name__ == "__main__":
    sys.exit(main())
