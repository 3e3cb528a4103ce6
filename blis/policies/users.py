"""Policies that are a user's own functions: found by name, held to their signature, compiled if they are marked so."""

import importlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from blis.engine._jit import plain
from blis.engine.answers import SIGNATURES
from blis.engine.users import compiled_callable, is_compiled
from blis.foundation.answers import COMPILED_QUESTIONS, FOLDERS
from blis.foundation.errors import ConfigError, ContractError
from blis.foundation.words import shown
from blis.policies.needs import COSTLY_SIGNALS

#: What a policy's file may say of it.
_FLAGS = (
    "NEEDS", "LOOKS", "ADMITS_ALL", "SCORES", "REASONS", "ORDER_IS_FIXED", "SORTS", "USES_PRIORITY",
    "TAKES_URGENT_FIRST", "SORTS_AFTER_EACH", "STANDS_FOR", "NEEDS_PRIORITY", "memory_size",
    "MEMORY_PER_TENANT", "READS_REPORTS", "READS_RECORDS", "COUNTS_CYCLES",
    "NEVER_DIVIDES", "SEES_PREFILL_INSTANCE", "NEVER_SWAPS",
)  # fmt: skip
#: What is assumed of a compiled callable whose module does not say otherwise: that it reads everything there is.
_ASSUMED: dict[str, Any] = {
    "NEEDS": COSTLY_SIGNALS,
    "NEEDS_PRIORITY": True,
    "COUNTS_CYCLES": True,
    "SEES_PREFILL_INSTANCE": True,
    "memory_size": lambda n_instances, n_requests: callable_memory(n_requests),
}


def callable_memory(n_requests: int) -> int:
    """Numbers that a callable may keep."""
    return max(64, n_requests)


def name_of(function: Callable[..., Any]) -> str:
    """The name, "module:function", by which a Python callable can be found again."""
    function = plain(function)
    return f"{function.__module__}:{getattr(function, '__qualname__', type(function).__qualname__)}"


def load_callable(where: str, name: str) -> Callable[..., Any]:
    """Import what "module:function" names, which runs the module.

    Raises
    ------
    ConfigError
        If the module cannot be imported, or has no such function.
    """
    module_name, _, function_name = name.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except Exception as error:
        raise ConfigError(
            f"{where} must be 'module:function' with a module that can be imported; got {shown(name)} ({error})."
        ) from error
    if not callable(function):
        raise ConfigError(f"{where}: {shown(name)} must be callable; got {shown(function)}.")
    found: Callable[..., Any] = function
    return found


def taken_over(
    question: str, where: str, name: str, function: Callable[..., Any]
) -> tuple[ModuleType | None, Callable[..., Any]]:
    """A user's function as a policy: what is known of it, None if Python runs it, and what decides.

    Raises
    ------
    ConfigError
        If it does not have the signature of the question's verb, or is to be compiled and cannot be.
    """
    package, verb, _ = FOLDERS[question]
    signature = SIGNATURES[question]
    contract = f"{package.replace('.', '/')}/__init__.py"
    try:
        inspect.signature(plain(function)).bind(*signature.args)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{where}: {shown(name)} must take the {len(signature.args)} arguments of {verb}(), see "
            f"{contract}; got {error}."
        ) from error
    if not is_compiled(function):
        if question in COMPILED_QUESTIONS:
            raise ConfigError(
                f"{where}: {shown(name)} must be compiled, with numba.njit: {question} is asked about in the middle of "
                "a step, where Python cannot be asked."
            )
        return None, function
    try:
        decide = compiled_callable(question, function)
    except ContractError as error:
        raise ConfigError(f"{where}: {shown(name)}, as {verb}() of {contract}, {error}.") from error
    return _declared(name, plain(function)), decide


def _declared(name: str, function: Any) -> ModuleType:
    """What the module of a compiled callable says of it, as a policy's own file would; what it leaves out is assumed.

    The assumptions cost time but never change a result.
    """
    module = ModuleType(name, f"What is known of {name}.")
    module.__dict__.update(_ASSUMED)
    module.__dict__.update((flag, function.__globals__[flag]) for flag in _FLAGS if flag in function.__globals__)
    return module
