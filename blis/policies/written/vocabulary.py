"""The words of a written policy: which questions it may answer, what it may see, call and import.

Everything that is not listed here does not exist for it.
"""

from typing import NamedTuple

from blis.engine.fleet_view import FleetView
from blis.engine.views import QueueView, RequestView, RouterView
from blis.policies.needs import COSTLY_SIGNALS

#: Numbers that a written policy may keep from decision to decision.
MEMORY_NUMBERS = 1024
#: Turns of loops and calls of own functions that one decision may take.
MOST_STEPS = 200_000


class Asked(NamedTuple):
    """What a question gives to its verb."""

    arguments: tuple[str, ...]  #: of the verb
    views: tuple[type, ...]  #: of its first arguments
    fills: str  #: the argument that the verb writes into; "" for none
    answers: str  #: what the verb returns: "whole", "number", "yes" (any but 0 is 1) or "nothing"


_ASKED_OF_A_QUEUE = Asked(("view", "request", "params", "memory"), (QueueView, RequestView), "", "number")

#: The questions that a written policy may answer.
ASKED = {
    "admission": Asked(("view", "request", "params", "memory"), (RouterView, RequestView), "", "yes"),
    "routing": Asked(("view", "request", "params", "memory", "scores"), (RouterView, RequestView), "scores", "whole"),
    "priority": _ASKED_OF_A_QUEUE,
    "scheduling": _ASKED_OF_A_QUEUE,
    "scaling": Asked(("view", "params", "memory", "wanted"), (FleetView,), "wanted", "nothing"),
}

#: Fields that a written policy has no use for: matrices, and what other policies' parts have left there.
_HIDDEN = frozenset({"n_scorers", "scorer_scores", "sent_prompts"})

#: Python's own functions that it may call.
BUILTINS = frozenset(
    {
        *("abs", "all", "any", "bool", "dict", "divmod", "enumerate", "float", "int", "len", "list", "max", "min"),
        *("range", "reversed", "round", "set", "sorted", "sum", "tuple", "zip"),
    }
)
#: Methods of lists, dictionaries and sets that it may call.
METHODS = frozenset(
    {
        *("add", "append", "copy", "count", "discard", "extend", "get", "index", "insert", "items", "keys", "pop"),
        *("remove", "reverse", "setdefault", "sort", "update", "values"),
    }
)
#: What it may import: module -> names.
IMPORTS = {
    "math": frozenset(
        {
            *("acos", "asin", "atan", "atan2", "ceil", "copysign", "cos", "cosh", "e", "erf", "exp", "expm1", "fabs"),
            *("floor", "fmod", "gcd", "hypot", "inf", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2"),
            *("pi", "pow", "sin", "sinh", "sqrt", "tan", "tanh", "tau", "trunc"),
        }
    ),
    "blis.engine.choice": frozenset({"best_instance"}),
}

#: Costly signals, see `blis.policies.needs`, whose fields are called otherwise or are several.
_FIELDS_OF = {
    "cached_blocks": {"cached_blocks", "last_cold_use"},
    "sent_prompts": {"sent_tokens"},
    "adapters": {"adapter_use", "adapters_in_use"},
    "expected_latency": {"expected_ttft_us", "expected_itl_us"},
    "tenant_service": {"tenant_input_tokens", "tenant_written_tokens", "tenant_lift"},
}


def fields_of(view: type) -> tuple[str, ...]:
    """The fields of a view that a written policy may read."""
    names: tuple[str, ...] = view._fields  # type: ignore[attr-defined]
    return tuple(name for name in names if name not in _HIDDEN)


def needs_of(reads: frozenset[str]) -> frozenset[str]:
    """The costly signals behind the fields that a written policy reads."""
    return frozenset(signal for signal in COSTLY_SIGNALS if reads & _FIELDS_OF.get(signal, {signal}))
