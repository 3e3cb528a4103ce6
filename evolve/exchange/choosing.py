"""Which routers there are, which one a file is for, and what is read from files of champions."""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import evolve.exchange.routers
from blis.cluster.gateway import Gateway
from blis.foundation.checks import check_choice
from blis.foundation.errors import ConfigError
from blis.policies.bundle import Bundle, read_bundle
from evolve.exchange import Champion, Imported
from evolve.judging.baselines import bundle_policies


def names() -> tuple[str, ...]:
    """The routers, by the names of `to=` and `from=`."""
    return tuple(sorted(info.name.replace("_", "-") for info in pkgutil.iter_modules(evolve.exchange.routers.__path__)))


def router(where: str, name: object) -> ModuleType:
    """The file of a router.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    chosen = check_choice(where, name, names())
    return importlib.import_module(f"evolve.exchange.routers.{chosen.replace('-', '_')}")


def router_of(path: Path, text: str) -> str:
    """The one router whose file it is.

    Raises
    ------
    ConfigError
        If none recognises it, or several do.
    """
    found = [name for name in names() if router("from", name).recognises(path.name.lower(), text)]
    if len(found) == 1:
        return found[0]
    what = f"could be of {' or '.join(found)}" if found else "is like no router's file that is known"
    raise ConfigError(f"{path} {what}; give from=ROUTER: {', '.join(found or names())}.")


def read_champion(path: str, gateway: Mapping[str, Any] | None, n_instances: int | None) -> Champion:
    """The champion in a file: the bundle's policies, and the limits of the gateway that its lineage tells of.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a policy or parameter is wrong.
    """
    found = bundle_policies("champion", path)
    limits = gateway
    if limits is None:
        told = read_bundle(path).lineage.get("gateway")
        limits = told if isinstance(told, Mapping) else None
    if limits is not None:
        Gateway.from_mapping("gateway", limits)
    return Champion(found.policies, found.limits, limits, n_instances)


def as_bundle(imported: Imported, source: str, file: str) -> Bundle:
    """The bundle of an import, which says where it comes from, what was not imported and the queue's limits."""
    lost = [one.plain() for one in imported.signals if one.grade != "exact"]
    lineage: dict[str, Any] = {"source": source, "file": file, "fidelity": lost}
    if imported.gateway:
        lineage["gateway"] = dict(imported.gateway)
    return Bundle({question: dict(policy) for question, policy in imported.policies.items()}, lineage)
