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
#: router, then its filters), that of a fleet that scales, then the gateway's, those of KV tiers, that of
#: swap space, those of divided requests, and those of media that are encoded apart.
QUESTIONS = (
    *("admission", "routing", "filtering", "priority", "scheduling", "preemption", "eviction", "scaling"),
    *("saturation", "fairness", "queue_order", "ceiling"),
    *("tiering", "tier_eviction", "tier_writing", "preemption_mode"),
    *("disaggregation", "prefill_routing"),
    *("encoding", "encode_routing"),
)

#: Those of them that only a cluster with a gateway asks, see `blis.engine.dispatching`.
GATEWAY_QUESTIONS = ("saturation", "fairness", "queue_order", "ceiling")
#: Those that only a cluster with prefill and decode apart asks, see `blis.engine.disaggregating`.
DISAGGREGATION_QUESTIONS = ("disaggregation", "prefill_routing")
#: Those that only a cluster asks with instances that encode for others, see `blis.engine.encoding_apart`.
ENCODING_QUESTIONS = ("encoding", "encode_routing")
#: Those that not every cluster asks: whoever lists policies leaves out the ones that have their default answer.
OPTIONAL_QUESTIONS = (
    *("filtering", "scaling", *GATEWAY_QUESTIONS),
    *("tiering", "tier_eviction", "tier_writing", "preemption_mode"),
    *(*DISAGGREGATION_QUESTIONS, *ENCODING_QUESTIONS),
)
#: Those that kernels ask where Python cannot be: a callable must be compiled.
COMPILED_QUESTIONS = ("eviction", "tiering", "preemption_mode")


class Folder(NamedTuple):
    """Where a question's answers lie, and what each of them must define."""

    package: str
    verb: str
    shared: str = ""  #: package of a question whose answers are answers to this one as well


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
    "tier_eviction": Folder("blis.policies.tier_eviction", "evict_as"),
    "tier_writing": Folder("blis.policies.tier_writing", "write_as"),
    "preemption_mode": Folder("blis.policies.preemption_mode", "swap"),
    "disaggregation": Folder("blis.policies.disaggregation", "disaggregate"),
    "prefill_routing": Folder("blis.policies.prefill_routing", "route", "blis.policies.routing"),
    "encoding": Folder("blis.policies.encoding", "encode_apart"),
    "encode_routing": Folder("blis.policies.encode_routing", "route", "blis.policies.routing"),
    "latency": Folder("blis.cluster.latency", "step_time"),
    "workload": Folder("blis.workload.kinds", "generate"),
    "measured": Folder("blis.calibrating.formats", "read"),
    "anomalies": Folder("blis.explaining.anomalies", "find"),
    "trace": Folder("blis.explaining.trace", "table"),
}


@cache
def choices(question: str) -> tuple[str, ...]:
    """Names of the answers to a question: the files of its folder, with "-" for "_"."""
    folder = FOLDERS[question]
    names = _files(folder.package) + (_files(folder.shared) if folder.shared else ())
    return tuple(sorted(name.replace("_", "-") for name in names))


def _files(package: str) -> tuple[str, ...]:
    """The answers that lie in a package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ContractError(f"{package} is no folder of answers.")
    found = pkgutil.iter_modules(spec.submodule_search_locations)
    return tuple(info.name for info in found if not info.name.startswith("_"))


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
    package, verb, shared = FOLDERS[question]
    file = name.replace("-", "_")
    if file not in _files(package):
        package = shared
    module = importlib.import_module(f"{package}.{file}")
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
