"""What a search left in its run folder, as its report reads it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blis.foundation.errors import ConfigError
from blis.policies.bundle import read_bundle
from evolve.evidence.random_rival import phenotype_of
from evolve.outcome.champion import FILE as CHAMPION
from evolve.outcome.run_folder import CONFIG, read_config
from evolve.records import Phenotype
from evolve.settings import SEARCH_KEYS, Settings


def is_search(folder: Path) -> bool:
    """Whether a search was begun in a folder."""
    return any((folder / name).is_file() for name in (CONFIG, CHAMPION))


def read_run(
    folder: Path, allow_python: bool = False
) -> tuple[Mapping[str, Any], Settings, Phenotype, Mapping[str, Any]]:
    """Configuration, settings, champion and its lineage of a search.

    Raises
    ------
    ConfigError
        If a file is absent or not what a search writes.
    """
    for name in (CONFIG, CHAMPION):
        if not (folder / name).is_file():
            raise ConfigError(f"{str(folder)!r} must be the folder of a search; it has no {name}.")
    document = read_config(folder)
    bundle = read_bundle(folder / CHAMPION)
    return document, Settings.from_mapping(document, allow_python), phenotype_of(bundle), bundle.lineage


def digest(document: Mapping[str, Any], champion: Phenotype) -> str:
    """Content address of a search and its champion: what was asked, and what came of it, wherever it ran."""
    asked = {key: document.get(key) for key in SEARCH_KEYS}
    text = json.dumps([asked, champion.policies, champion.limits], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
