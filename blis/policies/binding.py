"""From a name and its parameters in a configuration to a policy that is ready to run."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np

from blis.engine.answers import compiled_answer
from blis.engine.program import encode
from blis.foundation.answers import QUESTIONS, answer, as_mapping, choices
from blis.foundation.checks import check_choice, check_keys, check_number
from blis.foundation.errors import ConfigError, ContractError
from blis.foundation.units import Float64Vector
from blis.foundation.words import listed, shown
from blis.policies.needs import COSTLY_SIGNALS
from blis.policies.parameters import Bounds, FilterList, Formula, OneOf, ScorerWeights
from blis.policies.users import callable_memory, load_callable, name_of, taken_over
from blis.policies.written.dialect import Program
from blis.policies.written.ready import ready
from blis.policies.written_source import WRITTEN, known_of, written_program

#: The policies of a cluster whose operator chose nothing.
DEFAULT_POLICIES: dict[str, str] = {
    "admission": "always-admit",
    "routing": "round-robin",
    "filtering": "none",
    "priority": "constant",
    "scheduling": "fcfs",
    "preemption": "newest",
    "eviction": "lru",
    "scaling": "fixed",
    "saturation": "never",
    "fairness": "strict",
    "queue_order": "fcfs",
    "ceiling": "static",
    "tiering": "always",
    "tier_eviction": "as-configured",
    "tier_writing": "as-configured",
    "preemption_mode": "recompute",
    "disaggregation": "never",
    "prefill_routing": "same-as-routing",
    "encoding": "never",
    "encode_routing": "least-loaded",
}


class BoundPolicy(NamedTuple):
    """A policy that is ready to run."""

    name: str
    module: ModuleType | None  #: its file, or what a user's module says of it; None for a callable that Python runs
    decide: Callable[..., Any]  #: compiled, or the Python callable itself
    parameters: Float64Vector
    scorers: tuple[str, ...]  #: of weighted routing
    chained: tuple["BoundPolicy", ...] = ()  #: of filtering by a chain: its filters in their order
    program: Program | None = None  #: of a written policy, which `made_ready` makes run

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
            return COSTLY_SIGNALS
        given = self.flag("NEEDS", frozenset())
        needed = frozenset(given(self.parameters) if callable(given) else given)
        for scorer in self.scorers:
            needed |= getattr(answer("scoring", scorer), "NEEDS", frozenset())
        return needed.union(*(one.needs for one in self.chained))

    @property
    def looks(self) -> bool:
        """Whether the policy reads the state of instances, by itself or by a filter of its chain."""
        return bool(self.flag("LOOKS", True)) or any(one.looks for one in self.chained)

    @property
    def filters(self) -> tuple["BoundPolicy", ...]:
        """Of filtering: who is asked, in order."""
        if self.name == CHAIN:
            return self.chained
        return () if self.name == DEFAULT_POLICIES["filtering"] else (self,)


#: Scorers that one weighted policy may combine, and filters that a chain may.
MAX_SCORERS = 24
MAX_FILTERS = 16
#: The filter that asks others.
CHAIN = "chain"


_CALLABLE_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def bind(
    question: str, where: str, choice: Mapping[str, Any] | str | Callable[..., Any], allow_python: bool = False
) -> BoundPolicy:
    """Make the policy that `choice` describes ready to run.

    Parameters
    ----------
    question : str
        One of `QUESTIONS`.
    where : str
        Path of the choice, for messages.
    choice : mapping, str or callable
        {"policy": name, parameter: value ...}, the name alone, or a Python callable of the folder's signature. A name
        with a colon, "module:function", means such a callable.
    allow_python : bool
        Whether a name may mean a callable, whose module is then imported, which runs it. Configurations and bundles
        are data: say so only where whoever runs the program has asked for it.

    Raises
    ------
    ConfigError
        If the name is unknown or not allowed, or a parameter unknown, out of bounds or of the wrong type.
    """
    if callable(choice):
        _refuse_python_filters(question, where, name_of(choice))
        return _bound_callable(question, where, name_of(choice), choice)
    name, given = _named(question, where, choice, allow_python)
    if ":" in name:
        _refuse_python_filters(question, where, name)
        return _bound_callable(question, where, name, load_callable(where, name))
    if name == WRITTEN:
        program = written_program(question, where, {"policy": name, **given})
        return BoundPolicy(program.name, known_of(program), _not_ready, np.zeros(1), (), program=program)
    if question == "filtering" and name == CHAIN:
        values, scorers = _encode(where, answer(question, name), given)
        parts = enumerate(_chain(f"{where}.filters", given.get("filters")))
        chained = tuple(bind(question, f"{where}.filters[{place}]", part) for place, part in parts)
        return _bound(question, name, values, scorers)._replace(chained=chained)
    if not given:
        return _bound_to_defaults(question, name)
    return _bound(question, name, *_encode(where, answer(question, name), given))


def made_ready(policy: BoundPolicy) -> BoundPolicy:
    """The policy, with its function: a written one is compiled, or given a process of its own, once it is to run."""
    if policy.program is None:
        return policy
    found = ready(policy.program)
    return policy._replace(decide=found.decide, module=policy.module if found.is_compiled else None)


def _not_ready(*views: Any) -> Any:
    raise ContractError("a written policy must be made ready before it decides.")


def check_policy(
    question: str, where: str, choice: Mapping[str, Any] | str, allow_python: bool = False
) -> tuple[str, dict[str, Any]]:
    """A policy's name and parameters, checked as `bind` does; nothing is compiled, and no callable imported.

    Raises
    ------
    ConfigError
        As `bind`.
    """
    name, given = _named(question, where, choice, allow_python)
    if name == WRITTEN:
        written_program(question, where, {"policy": name, **given})
    elif ":" not in name:
        _encode(where, answer(question, name), given)
    return name, given


def _named(
    question: str, where: str, choice: Mapping[str, Any] | str, allow_python: bool
) -> tuple[str, dict[str, Any]]:
    """A policy's name, which exists or is that of a callable, and parameters, which may be wrong."""
    given = as_mapping(where, choice)
    name = given.pop("policy", None)
    if isinstance(name, str) and ":" in name:
        if not allow_python:
            raise ConfigError(
                f"{where} must be a policy's name; {shown(name)} means Python code, which runs only if "
                "allow_python=true is given on the command line, or allow_python=True in Python."
            )
        if not _CALLABLE_NAME.fullmatch(name):
            raise ConfigError(f"{where} must be 'module:function'; got {shown(name)}.")
        if given:
            raise ConfigError(f"{where}: a Python callable has no parameters; got {listed(given)}.")
        return name, given
    if name == WRITTEN:
        return name, given
    return check_choice(where, name, choices(question)), given


@cache
def _bound_to_defaults(question: str, name: str) -> BoundPolicy:
    """A policy for which nothing is given: bound once, because most policies of most candidates are such."""
    return _bound(question, name, *_encode(question, answer(question, name), {}))


def _bound(question: str, name: str, values: Sequence[float], scorers: tuple[str, ...]) -> BoundPolicy:
    parameters = np.array([*values] or [0.0], np.float64)
    return BoundPolicy(name, answer(question, name), compiled_answer(question, name), parameters, scorers)


def bind_all(
    policies: Mapping[str, BoundPolicy | Mapping[str, Any] | str | Callable[..., Any]], allow_python: bool = False
) -> dict[str, BoundPolicy]:
    """Every question's policy, ready to run; those not given get `DEFAULT_POLICIES`. As `bind` for each."""
    unknown = [question for question in policies if question not in QUESTIONS]
    if unknown:
        raise ConfigError(f"policies: unknown question {unknown[0]!r}. Questions: {', '.join(QUESTIONS)}.")
    bound = {}
    for question in QUESTIONS:
        if question not in policies:
            bound[question] = _default(question)
            continue
        choice = policies[question]
        bound[question] = choice if isinstance(choice, BoundPolicy) else bind(question, question, choice, allow_python)
    return bound


@cache
def _default(question: str) -> BoundPolicy:
    """The default, bound once: most runs leave most questions to it."""
    return bind(question, question, DEFAULT_POLICIES[question])


def memory_for(policy: BoundPolicy, n_instances: int, n_requests: int, n_tenants: int = 1) -> Float64Vector:
    """The policy's state at the start: zeros."""
    return np.zeros(_memory_size(policy, n_instances, n_requests, n_tenants), np.float64)


def memory_of_all(
    policies: Mapping[str, BoundPolicy], n_instances: int, n_requests: int, n_tenants: int = 1
) -> np.ndarray:
    """The same of all policies of a run: float64 (questions, widest), one row per question."""
    sizes = [_memory_size(one, n_instances, n_requests, n_tenants) for one in policies.values()]
    return np.zeros((len(QUESTIONS), max(sizes)))


def _memory_size(policy: BoundPolicy, n_instances: int, n_requests: int, n_tenants: int) -> int:
    if policy.is_python:
        return max(callable_memory(n_requests), getattr(policy.decide, "memory_size", 0))
    size, per_tenant = policy.flag("memory_size", None), policy.flag("MEMORY_PER_TENANT", 0)
    own = size(n_instances, n_requests) if size else 0
    return max(1, int(per_tenant * n_tenants + own))


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
        elif isinstance(marker, FilterList):
            for place, part in enumerate(_chain(path, value)):
                check_policy("filtering", f"{path}[{place}]", part)
        elif isinstance(marker, OneOf):
            values.append(marker.words.index(check_choice(path, value, marker.words)))
        elif isinstance(marker, Formula):
            values.extend(encode(path, value, marker.question))
    if {"cache_weight", "load_weight"} <= set(described) and sum(values) <= 0.0:
        raise ConfigError(f"{where}: cache_weight + load_weight must be > 0; got {shown(sum(values))}.")
    return values, scorers


def _scorer_weights(where: str, value: Any) -> tuple[tuple[str, ...], list[float]]:
    if isinstance(value, str):
        value = [part.partition(":")[::2] for part in value.split(",")] if value else []
        value = [(name.strip(), _as_number(weight)) for name, weight in value]
    if isinstance(value, Mapping):
        value = list(value.items())
    if not isinstance(value, Sequence) or not 1 <= len(value) <= MAX_SCORERS:
        raise ConfigError(f"{where} must be a list of 1 to {MAX_SCORERS} scorers with weights; got {shown(value)}.")
    names: list[str] = []
    weights: list[float] = []
    for place, entry in enumerate(value):
        path = f"{where}[{place}]"
        if isinstance(entry, Mapping):
            entry = check_keys(path, entry, ("name", "weight"), ("name", "weight"))
            entry = (entry["name"], entry["weight"])
        if not isinstance(entry, Sequence) or isinstance(entry, str) or len(entry) != 2:
            raise ConfigError(f"{path} must be a name and a weight; got {shown(entry)}.")
        name = check_choice(path, entry[0], choices("scoring"))
        if name in names:
            raise ConfigError(f"{path}: scorer {shown(name)} is listed twice; give it one weight.")
        names.append(name)
        weights.append(check_number(f"{path}.weight", entry[1], above=0.0))
    total = 0.0
    for weight in weights:
        total += weight
    if not np.isfinite(total):
        raise ConfigError(f"{where}: the sum of the weights must be finite; got {shown(total)}.")
    return tuple(names), [weight / total for weight in weights]


def _chain(where: str, value: Any) -> list[Any]:
    """The filters of a chain, a text being their names with commas between."""
    listed = [part.strip() for part in value.split(",")] if isinstance(value, str) and value else value or []
    if not isinstance(listed, list | tuple) or len(listed) > MAX_FILTERS:
        raise ConfigError(f"{where} must be a list of at most {MAX_FILTERS} filters; got {shown(value)}.")
    for place, part in enumerate(listed):
        if as_mapping(f"{where}[{place}]", part).get("policy") == CHAIN:
            raise ConfigError(f"{where}[{place}] must not be a chain in a chain: list its filters in their place.")
    return list(listed)


def _refuse_python_filters(question: str, where: str, name: str) -> None:
    if question == "filtering":
        raise ConfigError(f"{where} must be a file of blis/policies/filtering; got the callable {shown(name)}.")


def _as_number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _bound_callable(question: str, where: str, name: str, function: Callable[..., Any]) -> BoundPolicy:
    module, decide = taken_over(question, where, name, function)
    return BoundPolicy(name, module, decide, np.zeros(1), ())
