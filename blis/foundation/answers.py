"""Lists the answers to each question: a folder's files, by the names that they have in a configuration."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

from blis.foundation.checks import check_choice
from blis.foundation.errors import ConfigError, ContractError
from blis.foundation.words import shown

#: The questions that a policy bundle answers: those of every cluster, in the order in which a request meets them (a
#: router, then its filters), that of a fleet that scales, then the gateway's, and that of KV tiers.
QUESTIONS = (
    *("admission", "routing", "filtering", "priority", "scheduling", "preemption", "eviction", "scaling"),
    *("saturation", "fairness", "queue_order", "ceiling", "tiering"),
)

#: Those of them that only a cluster with a gateway asks, see `blis.engine.dispatching`.
GATEWAY_QUESTIONS = ("saturation", "fairness", "queue_order", "ceiling")
#: Those that not every cluster asks: whoever lists policies leaves out the ones that have their default answer.
OPTIONAL_QUESTIONS = ("filtering", "scaling", *GATEWAY_QUESTIONS, "tiering")
#: Those that kernels ask where Python cannot be: a callable must be compiled.
COMPILED_QUESTIONS = ("eviction", "tiering")


class Folder(NamedTuple):
    """Where a question's answers lie, and what each of them must define."""

    package: str
    verb: str


FOLDERS = {
    "admission": Folder("blis.policies.admission", "admit"),
    "routing": Folder("blis.policies.routing", "route"),
    "filtering": Folder("blis.policies.filtering", "keep"),
    "scoring": Folder("blis.policies.scoring", "score"),
    "priority": Folder("blis.policies.priority", "prioritise"),
    "scheduling": Folder("blis.policies.scheduling", "order"),
    "preemption": Folder("blis.policies.preemption", "victim"),
    "eviction": Folder("blis.policies.eviction", "rank"),
    "scaling": Folder("blis.policies.scaling", "scale"),
    "saturation": Folder("blis.policies.saturation", "measure"),
    "fairness": Folder("blis.policies.fairness", "choose"),
    "queue_order": Folder("blis.policies.queue_order", "rank"),
    "ceiling": Folder("blis.policies.ceiling", "limit"),
    "tiering": Folder("blis.policies.tiering", "load"),
    "latency": Folder("blis.cluster.latency", "step_time"),
    "workload": Folder("blis.workload.kinds", "generate"),
    "anomalies": Folder("blis.explaining.anomalies", "find"),
    "trace": Folder("blis.explaining.trace", "table"),
}


@cache
def choices(question: str) -> tuple[str, ...]:
    """Names of the answers to a question: the files of its folder, with "-" for "_"."""
    package = importlib.util.find_spec(FOLDERS[question].package)
    if package is None or package.submodule_search_locations is None:
        raise ContractError(f"{FOLDERS[question].package} is no folder of answers.")
    found = pkgutil.iter_modules(package.submodule_search_locations)
    return tuple(sorted(info.name.replace("_", "-") for info in found if not info.name.startswith("_")))


@cache
def answer(question: str, name: str) -> ModuleType:
    """The file that gives the answer called `name`.

    Raises
    ------
    UnknownChoiceError
        If the folder has no such file.
    ContractError
        If the file lacks the folder's verb.
    """
    check_choice(question, name, choices(question))
    package, verb = FOLDERS[question]
    module = importlib.import_module(f"{package}.{name.replace('-', '_')}")
    if not callable(getattr(module, verb, None)):
        raise ContractError(f"{module.__name__} must define {verb}(); see {package.replace('.', '/')}/__init__.py.")
    return module


def as_mapping(where: str, choice: object) -> dict[str, Any]:
    """A policy as a mapping of its name, at the key "policy", and its parameters; a text is the name alone.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    if isinstance(choice, str):
        return {"policy": choice}
    if not isinstance(choice, Mapping):
        raise ConfigError(f"{where} must be a policy's name, or a mapping with the key 'policy'; got {shown(choice)}.")
    return {str(key): value for key, value in choice.items()}
