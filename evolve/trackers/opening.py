"""From the configuration's `tracker` node to one guarded listener."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from blis.foundation.checks import check_choice, check_keys
from blis.foundation.errors import ConfigError
from evolve.trackers import GenerationReport, SearchEnd, SearchStart, Tracker, console, silent

NAMES = ("none", "console", "mlflow")


def open_tracker(where: str, choice: Mapping[str, Any] | str) -> Tracker:
    """The listener that a configuration names; what it needs is made when the search starts.

    Parameters
    ----------
    where : str
        Path of the choice, for messages.
    choice : mapping or str
        A name, or {"name": none | console | mlflow, "uri": text, "experiment": text}; the last two are for mlflow: a
        tracking URI (null: `mlflow_run.DEFAULT_STORE` below the working folder) and the experiment that holds the runs
        (null: "evolve").

    Raises
    ------
    ConfigError
        If the name or a key is unknown, or a value is no text.
    """
    name, options = check_tracker(where, choice)
    if name == "none":
        return silent.Listener()
    listeners: dict[str, Tracker] = {"console": console.Listener()}
    if name == "mlflow":
        from evolve.trackers import mlflow_run

        listeners["mlflow"] = mlflow_run.Listener(**options)
    return Guarded(listeners)


def check_tracker(where: str, choice: Mapping[str, Any] | str) -> tuple[str, dict[str, str]]:
    """The name in a tracker's node, and its options that are set.

    Raises
    ------
    ConfigError
        As `open_tracker`.
    """
    given = {"name": choice} if isinstance(choice, str) else check_keys(where, choice, ("name", "uri", "experiment"))
    name = check_choice(where, given.get("name"), NAMES)
    options = {key: given[key] for key in ("uri", "experiment") if given.get(key) is not None}
    for key, value in options.items():
        if name != "mlflow":
            raise ConfigError(f"{where}.{key} must be null with tracker {name!r}, which has no store; got {value!r}.")
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{where}.{key} must be a text that is not empty; got {value!r}.")
    if name == "mlflow":
        from evolve.trackers import mlflow_run

        mlflow_run.store_uri(options.get("uri"))
    return name, options


def add_files(where: str, choice: Mapping[str, Any] | str, folder: Path, paths: Sequence[Path]) -> list[str]:
    """Add files to what a tracker keeps of a search that is over, if it keeps anything; notes for people.

    Only the store that the user's own configuration names is written to, whatever the run folder says: a folder may
    come from anybody.

    Raises
    ------
    ConfigError
        As `open_tracker`.
    """
    name, options = check_tracker(where, choice)
    if name != "mlflow":
        return []
    from evolve.trackers import mlflow_run

    kept = mlflow_run.run_of(folder)
    if kept is None:
        return []
    uri = mlflow_run.store_uri(options.get("uri"))
    if kept[0] != uri:
        told, asked = mlflow_run.shown(kept[0]), mlflow_run.shown(uri)
        return [f"note: the search is kept in {told!r}, which is not {where}.uri {asked!r}: its report was not added."]
    try:
        mlflow_run.log_later(uri, kept[1], paths)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the store, the files are there
        return [f"warning: the report could not be kept in MLflow ({_in_one_line(error)})."]
    return []


class Guarded:
    """Tells several listeners, and outlives the failure of any.

    The first failure of a listener is reported on standard error. One that cannot start is started again after each
    generation, and then hears of those that it missed; one that failed `MOST_FAILURES` times in a row hears nothing
    more until the end, so that a store that does not answer costs little.
    """

    MOST_FAILURES = 3

    def __init__(self, listeners: Mapping[str, Tracker]) -> None:
        self._listeners = dict(listeners)
        self._failures = dict.fromkeys(listeners, 0)
        self._is_reported = dict.fromkeys(listeners, False)
        self._search: SearchStart | None = None
        self._missed: list[GenerationReport] = []
        self._waiting: set[str] = set()  #: those that could not start yet

    def start(self, search: SearchStart) -> None:
        """Tell all; whoever fails is started again later."""
        self._search, self._missed = search, []
        self._waiting = set(self._tell(list(self._listeners), lambda listener: listener.start(search)))

    def progress(self, evaluations: int) -> None:
        """Tell all."""
        self._tell(self._in_use(), lambda listener: listener.progress(evaluations))

    def generation(self, report: GenerationReport) -> None:
        """Tell all."""
        self._missed += [report] if self._waiting else []
        ready = self._in_use()
        self._start_again([name for name in self._waiting if self._failures[name] < self.MOST_FAILURES])
        self._tell(ready, lambda listener: listener.generation(report))

    def end(self, search: SearchEnd) -> None:
        """Tell all, even those that failed since; who never could start is tried once more."""
        self._start_again(list(self._waiting))
        self._tell(
            [name for name in self._listeners if name not in self._waiting], lambda listener: listener.end(search)
        )

    def _in_use(self) -> list[str]:
        return [
            name for name in self._listeners if name not in self._waiting and self._failures[name] < self.MOST_FAILURES
        ]

    def _start_again(self, names: Sequence[str]) -> None:
        """Start listeners that could not, and tell them what they missed."""
        if self._search is None:
            return
        again = replace(self._search, is_resumed=True)  # one that began is to go on with what it has

        def catch_up(listener: Tracker) -> None:
            listener.start(again)
            for report in self._missed:
                listener.generation(report)

        failed = self._tell(names, catch_up)
        for name in names:
            if name not in failed:
                self._waiting.discard(name)
                print(f"note: tracker {name} has started now, and heard of everything before.", file=sys.stderr)

    def _tell(self, names: Sequence[str], say: Callable[[Tracker], None]) -> list[str]:
        """Names of those that failed."""
        failed = []
        for name in names:
            try:
                say(self._listeners[name])
            except Exception as error:  # noqa: BLE001 - whatever breaks there, the search goes on
                failed.append(name)
                self._failures[name] += 1
                self._report(name, error)
            else:
                self._failures[name] = 0
        return failed

    def _report(self, name: str, error: Exception) -> None:
        if self._is_reported[name]:
            return
        self._is_reported[name] = True
        print(
            f"warning: tracker {name} failed; the search goes on without it ({_in_one_line(error)}).", file=sys.stderr
        )


def _in_one_line(error: Exception) -> str:
    message = " ".join(f"{type(error).__name__}: {error}".split())
    return message if len(message) <= 300 else f"{message[:300]} ..."
