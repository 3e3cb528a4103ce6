"""From the configuration's `tracker` node to one guarded listener."""

import sys
from collections.abc import Callable, Mapping, Sequence
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
    given = {"name": choice} if isinstance(choice, str) else check_keys(where, choice, ("name", "uri", "experiment"))
    name = check_choice(where, given.get("name"), NAMES)
    options = {key: given[key] for key in ("uri", "experiment") if given.get(key) is not None}
    for key, value in options.items():
        if name != "mlflow":
            raise ConfigError(f"{where}.{key} must be null with tracker {name!r}, which has no store; got {value!r}.")
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{where}.{key} must be a text that is not empty; got {value!r}.")
    if name == "none":
        return silent.Listener()
    listeners: dict[str, Tracker] = {"console": console.Listener()}
    if name == "mlflow":
        from evolve.trackers import mlflow_run

        listeners["mlflow"] = mlflow_run.Listener(**options)
    return Guarded(listeners)


class Guarded:
    """Tells several listeners, and outlives the failure of any.

    The first failure of a listener is reported on standard error. One that cannot start is left out; one that failed
    `MOST_FAILURES` times in a row hears nothing more until the end, so that a store that does not answer costs little.
    """

    MOST_FAILURES = 3

    def __init__(self, listeners: Mapping[str, Tracker]) -> None:
        self._listeners = dict(listeners)
        self._failures = dict.fromkeys(listeners, 0)
        self._is_reported = dict.fromkeys(listeners, False)

    def start(self, search: SearchStart) -> None:
        """Tell all; whoever fails is left out from here on."""
        failed = self._tell(list(self._listeners), lambda listener: listener.start(search))
        for name in failed:
            del self._listeners[name]

    def progress(self, evaluations: int) -> None:
        """Tell all."""
        self._tell(self._in_use(), lambda listener: listener.progress(evaluations))

    def generation(self, report: GenerationReport) -> None:
        """Tell all."""
        self._tell(self._in_use(), lambda listener: listener.generation(report))

    def end(self, search: SearchEnd) -> None:
        """Tell all that could start, even those that failed since."""
        self._tell(list(self._listeners), lambda listener: listener.end(search))

    def _in_use(self) -> list[str]:
        return [name for name in self._listeners if self._failures[name] < self.MOST_FAILURES]

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
        message = " ".join(f"{type(error).__name__}: {error}".split())
        message = message if len(message) <= 300 else f"{message[:300]} ..."
        print(f"warning: tracker {name} failed; the search goes on without it ({message}).", file=sys.stderr)
