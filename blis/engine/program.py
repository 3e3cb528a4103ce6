"""Policies that are data: postfix programs over a question's features, run by one fixed interpreter.

A program is a float64 vector: the number of instructions, then (operation, argument) pairs. Every operation
is total, so that any program gives a value; one that is not a number becomes minus infinity.
"""

import math
from collections.abc import Sequence

import numpy as np

from blis.engine._jit import kernel
from blis.engine.views import QueueView, RequestView, RouterView
from blis.foundation.checks import check_number, nearest
from blis.foundation.errors import ConfigError
from blis.foundation.slo import CLASSES, URGENCY
from blis.foundation.units import Float64Vector
from blis.foundation.words import shown

#: Values that a program may hold at a time.
STACK_SIZE = 64

#: What a routing program may read, for one request and one instance.
ROUTING_FEATURES = (
    "queued_requests",  # waiting there
    "running_requests",  # in its batch
    "queued_tokens",  # prompt tokens waiting there
    "free_blocks",  # KV blocks not in use
    "used_share",  # share of KV blocks in use
    "pending_requests",  # routed, not yet queued
    "in_flight_requests",  # routed, not yet finished
    "effective_load",  # requests there
    "cached_blocks",  # leading prompt blocks in its cache
    "cached_share",  # the same as a share of the prompt's whole blocks
    "affinity_share",  # share of the prompt's whole blocks that the router sent there before
    "step_us",  # length of its last step
    "last_routed",  # routing rank of the last request sent there, -1 never
    "least_load",  # smallest effective load of all instances
    "mean_load",  # mean effective load of all instances
    "hit_rate",  # cache hits over lookups there, in blocks
    "input_tokens",  # of the request
    "uncached_tokens",  # prompt tokens that the instance would have to compute
    "urgency",  # default urgency of the request's class
    "clock_us",  # now
)

#: What a priority program may read, for one waiting request.
PRIORITY_FEATURES = (
    "input_tokens",  # whole prompt
    "prompt_blocks",  # its whole KV blocks
    "urgency",  # default urgency of its class
    "arrival_us",  # when it arrived
    "preemptions",  # so far
    "round",  # earlier turns of its session
    "age_us",  # time since its arrival
    "queued_requests",  # waiting on the instance
    "running_requests",  # in its batch
    "free_blocks",  # its KV blocks not in use
)
_FIRST_CHANGING = PRIORITY_FEATURES.index("age_us")

_OPERATIONS = {
    # word: (operation, operands)
    "add": (2, 2), "sub": (3, 2), "mul": (4, 2), "div": (5, 2), "min": (6, 2), "max": (7, 2), "less": (8, 2),
    "neg": (9, 1), "abs": (10, 1), "sqrt": (11, 1), "log1p": (12, 1), "if": (13, 3),
}  # fmt: skip
_SYMBOLS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "<": "less"}
_CONSTANT, _FEATURE = 0, 1

_URGENCY = tuple(URGENCY[name] for name in CLASSES)


def encode(where: str, formula: str | Sequence[object], question: str) -> Float64Vector:
    """Turn a postfix formula into the vector that kernels run.

    Parameters
    ----------
    where : str
        Path of the field, for messages.
    formula : str or sequence
        Words: features of the question, numbers, and operations: add sub mul div (0 where the divisor is 0)
        min max less (1 or 0) neg abs sqrt log1p (both of the absolute value) if (condition, then, else:
        "then" where the condition is above 0).
    question : {"routing", "priority"}

    Raises
    ------
    ConfigError
        If a word is unknown, a constant not finite, or the words do not leave exactly one value.
    """
    features = ROUTING_FEATURES if question == "routing" else PRIORITY_FEATURES
    words = _words(where, formula)
    pairs: list[tuple[float, float]] = []
    depth = deepest = 0
    for place, given in enumerate(words):
        word = _SYMBOLS.get(given, given)
        if word in features:
            pairs.append((_FEATURE, features.index(word)))
            depth += 1
        elif word in _OPERATIONS:
            operation, operands = _OPERATIONS[word]
            if depth < operands:
                raise ConfigError(f"{where}: word {place + 1}, {shown(word)}, needs {operands} values; got {depth}.")
            pairs.append((operation, 0.0))
            depth -= operands - 1
        else:
            pairs.append((_CONSTANT, _number(where, place, word, features)))
            depth += 1
        deepest = max(deepest, depth)
    if depth != 1 or deepest > STACK_SIZE:
        raise ConfigError(
            f"{where} must leave exactly one value and hold at most {STACK_SIZE} at a time; got {depth} left of "
            f"{len(words)} words, {deepest} at most."
        )
    return np.array([len(pairs), *(number for pair in pairs for number in pair)], dtype=np.float64)


def _words(where: str, formula: object) -> list[str]:
    if isinstance(formula, str):
        return formula.split()
    if not isinstance(formula, list | tuple):
        raise ConfigError(
            f"{where} must be a formula such as 'age_us neg', or a list of its words; got {shown(formula)}."
        )
    words = []
    for place, word in enumerate(formula):
        if not isinstance(word, str):
            word = str(check_number(f"{where}: word {place + 1}", word))
        words.append(word)
    return words


def _number(where: str, place: int, word: str, features: tuple[str, ...]) -> float:
    try:
        value = float(word)
    except ValueError:
        names = [*features, *_OPERATIONS]
        raise ConfigError(
            f"{where}: word {place + 1}, {shown(word)}, is no feature, operation or number{nearest(word, names)} "
            f"Features: {', '.join(features)}. Operations: {', '.join(_OPERATIONS)}."
        ) from None
    if not math.isfinite(value):
        raise ConfigError(f"{where}: word {place + 1} must be a finite number; got {shown(word)}.")
    return value


def uses_changing_feature(program: Float64Vector) -> bool:
    """Whether a priority program reads anything that changes while a request waits."""
    for place in range(int(program[0])):
        operation, argument = int(program[1 + 2 * place]), int(program[2 + 2 * place])
        if operation == _FEATURE and argument >= _FIRST_CHANGING:
            return True
    return False


@kernel
def _apply(operation: int, stack: Float64Vector, top: int) -> int:
    """Apply an operation to the values below `top`; return the new top."""
    if operation == 2:
        stack[top - 2] += stack[top - 1]
    elif operation == 3:
        stack[top - 2] -= stack[top - 1]
    elif operation == 4:
        stack[top - 2] *= stack[top - 1]
    elif operation == 5:
        stack[top - 2] = stack[top - 2] / stack[top - 1] if stack[top - 1] != 0.0 else 0.0
    elif operation == 6:
        stack[top - 2] = min(stack[top - 2], stack[top - 1])
    elif operation == 7:
        stack[top - 2] = max(stack[top - 2], stack[top - 1])
    elif operation == 8:
        stack[top - 2] = 1.0 if stack[top - 2] < stack[top - 1] else 0.0
    elif operation == 9:
        stack[top - 1] = -stack[top - 1]
        return top
    elif operation == 10:
        stack[top - 1] = abs(stack[top - 1])
        return top
    elif operation == 11:
        stack[top - 1] = math.sqrt(abs(stack[top - 1]))
        return top
    elif operation == 12:
        stack[top - 1] = math.log1p(abs(stack[top - 1]))
        return top
    else:
        stack[top - 3] = stack[top - 2] if stack[top - 3] > 0.0 else stack[top - 1]
        return top - 2
    return top - 1


@kernel
def _least_load(view: RouterView) -> float:
    least = view.effective_load[0]
    for instance in range(1, view.n_instances):
        least = min(least, view.effective_load[instance])
    return float(least)


@kernel
def _total_load(view: RouterView) -> float:
    total = 0
    for instance in range(view.n_instances):
        total += view.effective_load[instance]
    return float(total)


@kernel
def _routing_feature(feature: int, view: RouterView, request: RequestView, instance: int) -> float:
    """Value of `ROUTING_FEATURES[feature]`."""
    if feature == 0:
        return float(view.queued_requests[instance])
    if feature == 1:
        return float(view.running_requests[instance])
    if feature == 2:
        return float(view.queued_tokens[instance])
    if feature == 3:
        return float(view.total_blocks[instance] - view.used_blocks[instance])
    if feature == 4:
        return view.used_blocks[instance] / view.total_blocks[instance]
    if feature == 5:
        return float(view.pending_requests[instance])
    if feature == 6:
        return float(view.in_flight_requests[instance])
    if feature == 7:
        return float(view.effective_load[instance])
    if feature == 8:
        return float(view.cached_blocks[instance])
    if feature == 9:
        return view.cached_blocks[instance] / request.prompt_blocks if request.prompt_blocks > 0 else 0.0
    if feature == 10:
        return view.affinity_blocks[instance] / request.prompt_blocks if request.prompt_blocks > 0 else 0.0
    if feature == 11:
        return float(view.step_us[instance])
    if feature == 12:
        return float(view.last_routed[instance])
    if feature == 13:
        return _least_load(view)
    if feature == 14:
        return _total_load(view) / view.n_instances
    if feature == 15:
        lookups = view.cache_hits[instance] + view.cache_misses[instance]
        return view.cache_hits[instance] / lookups if lookups > 0 else 0.0
    if feature == 16:
        return float(request.input_tokens)
    if feature == 17:
        return float(request.input_tokens - view.cached_blocks[instance] * view.block_size_tokens)
    if feature == 18:
        return _URGENCY[request.slo_class]
    return float(view.clock_us)


@kernel
def _priority_feature(feature: int, view: QueueView, request: RequestView) -> float:
    """Value of `PRIORITY_FEATURES[feature]`."""
    if feature == 0:
        return float(request.input_tokens)
    if feature == 1:
        return float(request.prompt_blocks)
    if feature == 2:
        return _URGENCY[request.slo_class]
    if feature == 3:
        return float(request.arrival_us)
    if feature == 4:
        return float(request.preemptions)
    if feature == 5:
        return float(request.round)
    if feature == 6:
        return float(view.clock_us - request.arrival_us)
    if feature == 7:
        return float(view.queued_requests)
    if feature == 8:
        return float(view.running_requests)
    return float(view.free_blocks)


@kernel
def evaluate_routing(
    program: Float64Vector, stack: Float64Vector, view: RouterView, request: RequestView, instance: int
) -> float:
    """Value of a routing program for one instance."""
    top = 0
    for place in range(int(program[0])):
        operation, argument = int(program[1 + 2 * place]), program[2 + 2 * place]
        if operation == _CONSTANT:
            stack[top] = argument
            top += 1
        elif operation == _FEATURE:
            stack[top] = _routing_feature(int(argument), view, request, instance)
            top += 1
        else:
            top = _apply(operation, stack, top)
    return -np.inf if np.isnan(stack[0]) else stack[0]


@kernel
def evaluate_priority(program: Float64Vector, stack: Float64Vector, view: QueueView, request: RequestView) -> float:
    """Value of a priority program for one waiting request."""
    top = 0
    for place in range(int(program[0])):
        operation, argument = int(program[1 + 2 * place]), program[2 + 2 * place]
        if operation == _CONSTANT:
            stack[top] = argument
            top += 1
        elif operation == _FEATURE:
            stack[top] = _priority_feature(int(argument), view, request)
            top += 1
        else:
            top = _apply(operation, stack, top)
    return -np.inf if np.isnan(stack[0]) else stack[0]
