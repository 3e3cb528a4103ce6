"""A search and the package that proposes to it, from beginning to end."""

import importlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from blis.foundation.errors import BlisError, ConfigError
from evolve.algorithms.outside import ClosedError, Outside
from evolve.bridges.judging import FILE, Judging
from evolve.evaluators.isolated import Pool
from evolve.outcome.run_folder import keep_config
from evolve.search.loop import Search
from evolve.search.setup import open_plan
from evolve.settings import Settings
from evolve.trackers import Tracker

#: The algorithm's name in a configuration -> its file in `evolve.bridges.packages`.
PACKAGES: Mapping[str, str] = {
    "openevolve": "with_openevolve",
    "gepa": "with_gepa",
    "skydiscover": "with_skydiscover",
    "script": "script",
}
#: Wall clock that a package has to end once the search is over [s].
_ENDING_S = 20.0


class PackageFailedError(BlisError, RuntimeError):
    """The package that proposes broke down."""


def run_bridge(settings: Settings, folder: Path, tracker: Tracker, started: Callable[[], None]) -> Judging:
    """Search, with candidates that the package named by the algorithm proposes, and leave the results in the folder.

    Raises
    ------
    ConfigError
        If the algorithm is none of `PACKAGES`, the evaluator not isolated, or the package cannot be used.
    PackageFailedError
        If the package broke down; what was found until then is in the folder, judged to the end.
    KeyboardInterrupt
        If it was interrupted; the best so far has been written then.
    """
    name = settings.labels.algorithm
    if name not in PACKAGES:
        raise ConfigError(f"algorithm must be one of {', '.join(PACKAGES)} for evolve.bridge; got {name!r}.")
    package = importlib.import_module(f"evolve.bridges.packages.{PACKAGES[name]}")
    package.check(settings.params)
    plan, evaluator = open_plan(settings, folder)
    broken: list[BaseException] = []
    try:
        if not isinstance(evaluator, Pool):
            raise ConfigError(
                "evaluator must be isolated for evolve.bridge, because candidates are code from elsewhere; got "
                f"{_name_of(settings.evaluator)!r}."
            )
        assert isinstance(plan.algorithm, Outside)
        keep_config(folder, settings.document)
        (folder / FILE).unlink(missing_ok=True)
        judging = Judging(plan, evaluator)
        started()
        thread = threading.Thread(
            target=_drive, args=(package, judging, settings.params, folder, broken), name="package", daemon=True
        )
        thread.start()
        try:
            Search(plan, tracker).run()
        finally:
            plan.algorithm.close("the search is over")
            thread.join(_ENDING_S)
    finally:
        evaluator.close()
    if broken:
        raise PackageFailedError(f"{name} broke down: {type(broken[0]).__name__}: {broken[0]}") from broken[0]
    return judging


def _drive(package: Any, judging: Judging, params: Any, folder: Path, broken: list[BaseException]) -> None:
    try:
        package.drive(judging, params, folder)
    except ClosedError:
        pass
    except BaseException as error:  # noqa: BLE001  (told by the search's thread, which must not wait for ever)
        broken.append(error)
    finally:
        judging.outside.desk.complete()


def _name_of(choice: Any) -> Any:
    return choice.get("name") if isinstance(choice, Mapping) else choice
