"""A policy joins a board: a bundle, a search's champion, or the policies that the search's problem knows."""

import json
from pathlib import Path
from typing import Any

from blis.foundation.checks import check_choice
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder, is_file, is_folder
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.words import shown
from blis.policies.bundle import Bundle, bundle_text, read_bundle
from evolve.evidence.searched import is_search, read_run
from evolve.judging.baselines import bundle_policies, read_policies
from evolve.league import BOARD, ENTRIES, KINDS
from evolve.league.digests import digest_of_policy
from evolve.league.reading import LINEAGE, read_entry
from evolve.outcome.champion import FILE as CHAMPION
from evolve.outcome.files import write_text_whole
from evolve.records import Phenotype

RIVALS = ("known", "all")
#: What an entry keeps of where a champion comes from.
_KEPT = ("problem", "algorithm", "suite", "seed", "generation", "formula", "source")


def add(board: Path, path: str, name: object, kind: object) -> str:
    """Add the policy of a file, or the champion in a search's folder; the entry's name.

    Raises
    ------
    ConfigError
        If it is no policy, it is there already, or the name is taken or no name.
    """
    file = Path(path) / CHAMPION if is_folder(Path(path)) else Path(path)
    if not is_file(file):
        raise ConfigError(f"{shown(path)} must be a policy bundle, or the folder of a search with {CHAMPION}.")
    phenotype, lineage = bundle_policies("entry", str(file)), read_bundle(file).lineage
    chosen = (file.parent.name if file.name == CHAMPION else file.stem) if name is None else str(name)
    kept = {key: lineage[key] for key in _KEPT if key in lineage}
    _write(board, chosen, phenotype, check_choice("kind", "champion" if kind is None else kind, KINDS), kept, path)
    return chosen


def add_known(board: Path, folder: str, which: object) -> list[str]:
    """Add policies that a search had to beat, those that are there already left out; their names.

    `which` is `known`, those of its problem, or `all`.

    Raises
    ------
    ConfigError
        If the folder holds no search.
    """
    if not is_search(Path(folder)):
        raise ConfigError(f"rivals needs the folder of a search; {shown(folder)} is none.")
    check_choice("rivals", which, RIVALS)
    _, settings, _, lineage = read_run(Path(folder))
    problem = str(lineage.get("problem", ""))
    file = conf_folder() / "problem" / f"{problem}.yaml"
    own = (read_yaml(file) or {}).get("seeds") or {} if is_file(file) else {}
    names = [name for name in settings.baselines if name in own or which == RIVALS[1]]
    added = []
    for name in names:
        phenotype = _as_read(settings.baselines[name])
        if not _known(board, phenotype):
            _write(board, name, phenotype, KINDS[1], {"problem": problem}, f"problem={problem}")
            added.append(name)
    return added


def _as_read(phenotype: Phenotype) -> Phenotype:
    """The same with every parameter, and without questions that have their default, as a file of it is read."""
    mapping = {**phenotype.policies, **({"cluster": phenotype.limits} if phenotype.limits else {})}
    return read_policies("rivals", {"rival": mapping})["rival"]


def _known(board: Path, phenotype: Phenotype) -> str | None:
    """The entry that has the same policies, if there is one."""
    digest = digest_of_policy(phenotype)
    return next(
        (path.stem for path in sorted((board / ENTRIES).glob("*.yaml")) if read_entry(path).digest == digest), None
    )


def _write(board: Path, name: str, phenotype: Phenotype, kind: str, kept: dict[str, Any], source: str) -> None:
    if not is_file(board / BOARD):
        raise ConfigError(f"board must be a folder with {BOARD}; {shown(str(board))} has none.")
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name.startswith("."):
        raise ConfigError(f"name must consist of letters, digits, '-', '_' and '.'; got {shown(name)}.")
    path = board / ENTRIES / f"{name}.yaml"
    if is_file(path):
        raise ConfigError(f"name must be new on the board; there is {path} already.")
    other = _known(board, phenotype)
    if other is not None:
        raise ConfigError(f"{name} must differ from {other}, which has the same policies and parameters.")
    where = Path(source).name if is_folder(Path(source)) or is_file(Path(source)) else source
    entry = {"kind": kind, "digest": digest_of_policy(phenotype), "source": where}
    policies = {question: dict(policy) for question, policy in phenotype.policies.items()}
    lineage = json.loads(json.dumps({**kept, LINEAGE: entry}))  # YAML would write what is shared as an anchor
    path.parent.mkdir(exist_ok=True)
    write_text_whole(path, bundle_text(Bundle(policies, lineage, limits=dict(phenotype.limits))))
