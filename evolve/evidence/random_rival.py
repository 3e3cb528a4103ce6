"""What did chance find for the same budget? The champion of a random search, from a sweep or searched for here."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from blis.foundation.errors import ConfigError
from blis.policies.bundle import Bundle, read_bundle
from evolve.evidence.sweep_table import is_random
from evolve.outcome.champion import FILE
from evolve.outcome.run_folder import CONFIG, keep_config, read_config
from evolve.records import Phenotype
from evolve.search.loop import Search
from evolve.search.setup import open_plan
from evolve.settings import SEARCH_KEYS, Settings
from evolve.trackers import silent

FOLDER = "random-search"
NAME = "random search"


class _Progress(silent.Listener):
    """Tells how many simulations are finished."""

    def __init__(self, done: Callable[[int], None]) -> None:
        self._done = done

    def progress(self, evaluations: int) -> None:
        """Pass it on."""
        self._done(evaluations)


def stored_rival(folder: Path, document: Mapping[str, Any]) -> tuple[Phenotype, Path] | None:
    """The champion of a finished random search that differs from this search in its algorithm alone, and where it is.

    It is looked for in the folder itself, then among the other searches of its sweep.

    Parameters
    ----------
    folder : Path
        The run folder of the search.
    document : mapping
        Its configuration.
    """
    for other in (folder / FOLDER, *_neighbours(folder)):
        try:
            champion = _rival_in(other, document)
        except (ConfigError, OSError):  # whatever else lies beside a search is none of its business
            continue
        if champion is not None:
            return champion, other
    return None


def _neighbours(folder: Path) -> list[Path]:
    here = folder.resolve()
    try:
        return sorted(other for other in here.parent.iterdir() if other != here)
    except OSError:  # who may enter a folder need not be allowed to list it
        return []


def _rival_in(other: Path, document: Mapping[str, Any]) -> Phenotype | None:
    """The champion in a folder, if it is that of a random search for the same."""
    if not (other / FILE).is_file() or not _is_same_question(other, document):
        return None
    bundle = read_bundle(other / FILE)
    is_rival = is_random(str(bundle.lineage.get("algorithm"))) and _is_finished(bundle)
    return phenotype_of(bundle) if is_rival else None


def rival_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a search, with random search for its algorithm."""
    return {**document, "algorithm": _algorithm(), "resume": None}


def search_rival(folder: Path, settings: Settings, done: Callable[[int], None]) -> Phenotype:
    """Search by the settings of `rival_of` in a folder within; one that was stopped goes on.

    Raises
    ------
    ConfigError
        If the folder cannot be written.
    """
    inner = folder / FOLDER
    keep_config(inner, settings.document)
    plan, evaluator = open_plan(settings, inner)
    try:
        Search(plan, _Progress(done)).run()
    finally:
        evaluator.close()
    return phenotype_of(read_bundle(inner / FILE))


def phenotype_of(bundle: Bundle) -> Phenotype:
    """The policies of a bundle that a search wrote."""
    return Phenotype(bundle.policies, bundle.limits)


def _algorithm() -> dict[str, Any]:
    """Random search as `conf/algorithm/random.yaml` has it."""
    from blis.foundation.files import conf_folder
    from blis.foundation.strict_yaml import read_yaml

    return dict(read_yaml(conf_folder() / "algorithm" / "random.yaml"))


def _is_same_question(other: Path, document: Mapping[str, Any]) -> bool:
    if not (other / CONFIG).is_file():
        return False
    theirs = read_config(other)
    return all(theirs.get(key) == document.get(key) for key in SEARCH_KEYS if key != "algorithm")


def _is_finished(bundle: Bundle) -> bool:
    fitness = bundle.lineage.get("fitness")
    return isinstance(fitness, Mapping) and "test" in fitness
