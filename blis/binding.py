"""From a name in a configuration to a compiled function: lists the folders, checks their contracts, compiles once."""

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np
from numba.core import config

from blis.checks import check_choice, check_keys, check_number
from blis.engine import views
from blis.engine._jit import compiled
from blis.engine.program import encode
from blis.engine.reference import address_of
from blis.errors import ConfigError, ContractError
from blis.parameters import Bounds, Formula, ScorerWeights
from blis.units import Float64Vector

#: The verb of each folder and its compiled signature.
VERBS = {
    "admission": ("admit", views.ADMIT),
    "routing": ("route", views.ROUTE),
    "scoring": ("score", views.SCORE),
    "priority": ("prioritise", views.PRIORITISE),
    "scheduling": ("order", views.ORDER),
    "preemption": ("victim", views.VICTIM),
    "latency": ("step_time", views.STEP_TIME),
}

#: The verb of folders whose answers are plain Python.
PLAIN_VERBS = {"workload": "generate", "anomalies": "find", "trace": "table"}

#: The questions that a policy bundle answers, in the order in which a request meets them.
QUESTIONS = ("admission", "routing", "priority", "scheduling", "preemption")


class BoundPolicy(NamedTuple):
    """A policy that is ready to run."""

    name: str
    module: ModuleType | None  #: None for a Python callable
    decide: Callable[..., Any]  #: compiled, or the Python callable itself
    parameters: Float64Vector
    scorers: tuple[str, ...]  #: of weighted routing

    @property
    def is_python(self) -> bool:
        """Whether Python decides at a stop of the kernel."""
        return self.module is None

    def flag(self, name: str, default: Any) -> Any:
        """An attribute of the policy's file."""
        return getattr(self.module, name, default)

    @property
    def needs(self) -> frozenset[str]:
        """Costly signals that the policy or its scorers read; a Python callable may read all."""
        if self.module is None:
            return frozenset({"cached_blocks", "affinity_blocks"})
        needed = frozenset(self.flag("NEEDS", frozenset()))
        for scorer in self.scorers:
            needed |= getattr(answer("scoring", scorer), "NEEDS", frozenset())
        return needed


#: Scorers that one weighted policy may combine.
MAX_SCORERS = 16


@cache
def choices(folder: str) -> tuple[str, ...]:
    """Names of the answers in a folder: its files, with "-" for "_"."""
    package = importlib.util.find_spec(f"blis.{folder}")
    if package is None or package.submodule_search_locations is None:
        raise ContractError(f"blis.{folder} is no folder of answers.")
    found = pkgutil.iter_modules(package.submodule_search_locations)
    return tuple(sorted(info.name.replace("_", "-") for info in found if not info.name.startswith("_")))


@cache
def answer(folder: str, name: str) -> ModuleType:
    """The file that gives the answer called `name`.

    Raises
    ------
    UnknownChoiceError
        If the folder has no such file.
    ContractError
        If the file lacks the folder's verb.
    """
    check_choice(folder, name, choices(folder))
    module = importlib.import_module(f"blis.{folder}.{name.replace('-', '_')}")
    verb = VERBS[folder][0] if folder in VERBS else PLAIN_VERBS[folder]
    if not callable(getattr(module, verb, None)):
        raise ContractError(f"{module.__name__} must define {verb}(); see blis/{folder}/__init__.py.")
    return module


@cache
def compiled_answer(folder: str, name: str) -> Callable[..., Any]:
    """The compiled verb of an answer."""
    verb, signature = VERBS[folder]
    return compiled(signature, getattr(answer(folder, name), verb))


def bind(question: str, where: str, choice: Mapping[str, Any] | str) -> BoundPolicy:
    """Make the policy that `choice` describes ready to run.

    Parameters
    ----------
    question : str
        One of `QUESTIONS`.
    where : str
        Path of the choice, for messages.
    choice : mapping or str
        {"policy": name, parameter: value ...}, or the name alone. A name with a colon, "module:function", is
        a Python callable of the folder's signature.

    Raises
    ------
    ConfigError
        If the name is unknown, or a parameter unknown, out of bounds or of the wrong type.
    """
    given = {"policy": choice} if isinstance(choice, str) else dict(choice)
    name = given.pop("policy", None)
    if isinstance(name, str) and ":" in name:
        return _bind_callable(question, where, name, given)
    check_choice(where, name, choices(question))
    module = answer(question, str(name))
    values, scorers = _encode(where, module, given)
    n_values = max(1, len(values))
    parameters = np.zeros(n_values, np.float64)
    parameters[: len(values)] = values
    return BoundPolicy(str(name), module, compiled_answer(question, str(name)), parameters, scorers)


def memory_for(policy: BoundPolicy, n_instances: int, n_requests: int) -> Float64Vector:
    """The policy's state at the start: zeros."""
    if policy.is_python:
        return np.zeros(max(64, n_requests), np.float64)
    size = policy.flag("memory_size", None)
    return np.zeros(max(1, size(n_instances, n_requests) if size else 0), np.float64)


def addresses(functions: Sequence[Callable[..., Any]]) -> Any:
    """Addresses of compiled answers: int64 (n,); without the compiler the functions themselves."""
    places = [_address(function) for function in functions]
    return places if config.DISABLE_JIT else np.array(places, np.int64)


@cache
def _address(function: Callable[..., Any]) -> Any:
    """Found once: `compiled_answer` keeps what it compiled for as long as the process lives."""
    return address_of(function)


@cache
def fields(module: ModuleType) -> dict[str, tuple[Any, Any]]:
    """Each parameter of an answer: what may be given for it (`Bounds` ...), and its default; not to be changed."""
    hints = get_type_hints(module.Params, include_extras=True)
    described = {}
    for name in module.Params._fields:
        hint = hints[name]
        if get_origin(hint) is not Annotated:
            raise ContractError(f"{module.__name__}.Params.{name} must be Annotated with its bounds.")
        described[name] = (get_args(hint)[1], module.Params._field_defaults[name])
    return described


def _encode(where: str, module: ModuleType, given: Mapping[str, Any]) -> tuple[list[float], tuple[str, ...]]:
    """The parameter vector, and the scorers if there are any."""
    described = fields(module)
    check_keys(where, given, ["policy", *described])
    values: list[float] = []
    scorers: tuple[str, ...] = ()
    for name, (marker, default) in described.items():
        value = given.get(name, default)
        value = default if value is None else value
        path = f"{where}.{name}"
        if isinstance(marker, Bounds):
            values.append(check_number(path, value, marker.low, marker.high, marker.unit))
        elif isinstance(marker, ScorerWeights):
            scorers, weights = _scorer_weights(path, value)
            values.extend(weights)
        elif isinstance(marker, Formula):
            values.extend(encode(path, value, marker.question))
    if {"cache_weight", "load_weight"} <= set(described) and sum(values) <= 0.0:
        raise ConfigError(f"{where}: cache_weight + load_weight must be > 0; got {sum(values)!r}.")
    return values, scorers


def _scorer_weights(where: str, value: Any) -> tuple[tuple[str, ...], list[float]]:
    if isinstance(value, str):
        value = [part.partition(":")[::2] for part in value.split(",")] if value else []
        value = [(name.strip(), _as_number(weight)) for name, weight in value]
    if isinstance(value, Mapping):
        value = list(value.items())
    if not isinstance(value, Sequence) or not 1 <= len(value) <= MAX_SCORERS:
        raise ConfigError(f"{where} must be a list of 1 to {MAX_SCORERS} scorers with weights; got {value!r}.")
    names: list[str] = []
    weights: list[float] = []
    for place, entry in enumerate(value):
        path = f"{where}[{place}]"
        if isinstance(entry, Mapping):
            entry = check_keys(path, entry, ("name", "weight"), ("name", "weight"))
            entry = (entry["name"], entry["weight"])
        if not isinstance(entry, Sequence) or isinstance(entry, str) or len(entry) != 2:
            raise ConfigError(f"{path} must be a name and a weight; got {entry!r}.")
        name = check_choice(path, entry[0], choices("scoring"))
        if name in names:
            raise ConfigError(f"{path}: scorer {name!r} is listed twice; give it one weight.")
        names.append(name)
        weights.append(check_number(f"{path}.weight", entry[1], above=0.0))
    total = 0.0
    for weight in weights:
        total += weight
    if not np.isfinite(total):
        raise ConfigError(f"{where}: the sum of the weights must be finite; got {total!r}.")
    return tuple(names), [weight / total for weight in weights]


def _as_number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _bind_callable(question: str, where: str, name: str, given: Mapping[str, Any]) -> BoundPolicy:
    if given:
        raise ConfigError(f"{where}: a Python callable has no parameters; got {', '.join(map(repr, given))}.")
    module_name, _, function_name = name.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{where} must be 'module:function' with a module that can be imported; got {name!r} ({error})."
        ) from error
    if not callable(function):
        raise ConfigError(f"{where}: {name!r} must be callable; got {function!r}.")
    verb, signature = VERBS[question]
    try:
        inspect.signature(function).bind(*signature.args)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{where}: {name!r} must take the {len(signature.args)} arguments of {verb}(), see "
            f"blis/{question}/__init__.py; got {error}."
        ) from error
    return BoundPolicy(name, None, function, np.zeros(1), ())
