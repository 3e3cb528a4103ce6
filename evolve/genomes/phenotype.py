"""What a genome does, told apart from how it is written: its decisions in a fixed set of situations.

Rules are described by their choices in a set of decision situations, after Hildebrandt & Branke, "On using surrogates
with genetic programming" (Evolutionary Computation 23(3), 2015). Equal choices in finitely many situations do not prove
that rules are equal, and whoever takes two genomes for one reports one's results as the other's. Therefore

- not only the first choice counts but the whole order in which a rule would take the instances, or the requests, and
  its ties;
- the sizes of all numbers that a rule reads must be equal as well, since a threshold may lie between two situations,
  and so must the features that differ between what it compares, since one of them may matter in ties alone, and the
  products, quotients, roots and logarithms, whose rounding makes and breaks ties;
- only routing's formulas, and what orders a queue and a batch (priority, scheduling and preemption together), are
  described by choices. Admission, the other ways of routing, orders that read what instances learn while they serve,
  Python callables, limits and every further question are described by name and parameters: they have a memory, or
  differ in so little (two vectors of weights) that an evaluation costs less than a mistake.

What is left are formulas of the same ingredients that agree in every order of every situation and do not in a
simulation. Whoever merges genomes should therefore keep the one that was simulated.
"""

import hashlib
import json
from collections.abc import Iterator
from functools import cache

import numpy as np

from blis.engine.answers import addresses
from blis.engine.program import STACK_SIZE, encode
from blis.foundation.answers import QUESTIONS
from blis.policies.binding import DEFAULT_POLICIES, BoundPolicy, bind, bind_all, memory_for
from blis.policies.needs import LEARNED_SIGNALS
from evolve.genomes.choices import name_victims, rank_requests, score_instances
from evolve.genomes.program import FEATURES, SHARED_FEATURES
from evolve.genomes.situations import situations
from evolve.records import Phenotype

#: How the engine codes the operations whose results are rounded: the last pair of a program.
_ROUNDING = [encode("formula", f"1 1 {word}", "routing")[-2] for word in ("mul", "div")] + [
    encode("formula", f"1 {word}", "routing")[-2] for word in ("sqrt", "log1p")
]


#: The questions that `_parts` describes each in its own way.
_DESCRIBED = ("admission", "routing", "filtering", "priority", "scheduling", "preemption")


def signature(phenotype: Phenotype) -> str:
    """Content address of what a phenotype decides; phenotypes of equal signature may be simulated once for all of them.

    Raises
    ------
    ConfigError
        If a policy is unknown or a parameter wrong.
    """
    bound = bind_all(phenotype.policies, phenotype.allows_python)
    digest = hashlib.sha256()
    for part in _parts(bound, phenotype):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:32]


def _parts(bound: dict[str, BoundPolicy], phenotype: Phenotype) -> Iterator[bytes]:
    yield _named(bound["admission"])
    if bound["filtering"].filters:
        yield from (b"filters", *map(_named, bound["filtering"].filters))
    routing = bound["routing"]
    if routing.name == "program":
        yield from (b"ranks", _ingredients("routing", routing), _instance_order(routing))
    else:
        yield _named(routing)
    ordering = [bound[question] for question in ("priority", "scheduling", "preemption")]
    if all(_is_described(policy) for policy in ordering):
        yield b"orders"
        yield from _queue_order(*ordering)
    else:
        yield from (_named(policy) for policy in ordering)
    for question in QUESTIONS:
        if question not in _DESCRIBED and _named(bound[question]) != _named_default(question):
            yield question.encode() + _named(bound[question])
    yield json.dumps(dict(phenotype.limits), sort_keys=True).encode()


@cache
def _named_default(question: str) -> bytes:
    """What answers a question that nobody has asked."""
    return _named(bind(question, question, DEFAULT_POLICIES[question]))


def _is_described(policy: BoundPolicy) -> bool:
    """Whether choices describe it: it sees the view alone. (What a program calls its memory is its stack.)

    Situations have nothing that instances learn while they serve.
    """
    if policy.is_python or policy.needs & LEARNED_SIGNALS:
        return False
    return policy.name == "program" or policy.flag("memory_size", None) is None


def _named(policy: BoundPolicy) -> bytes:
    """The policy by its name and parameters."""
    return json.dumps([policy.name, policy.scorers, policy.parameters.tolist()]).encode()


def _ingredients(question: str, policy: BoundPolicy) -> bytes:
    """What must be equal beside the choices: sizes of numbers, zeros aside, telling features, operations that round."""
    numbers, words = policy.parameters, []
    if policy.name == "program":
        operations, arguments = numbers[1::2], numbers[2::2]
        numbers = arguments[operations == 0.0]
        names = {FEATURES[question][int(feature)] for feature in arguments[operations == 1.0]}
        rounding = np.sort(operations[np.isin(operations, _ROUNDING)])
        words = [*sorted(names - SHARED_FEATURES[question]), *map(str, rounding)]
    return np.sort(np.abs(numbers[numbers != 0.0])).tobytes() + " ".join(words).encode()


def _instance_order(routing: BoundPolicy) -> bytes:
    """In every situation of a router, the instances from the best to the worst, and which are equal to the next."""
    known = situations()
    scores = np.empty((len(known.signals), known.signals.shape[2]))
    score_instances(routing.parameters, np.zeros(STACK_SIZE * scores.shape[1]), *known[:6], scores)
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=1)
    return order.astype(np.int8).tobytes() + np.packbits(ranked[:, 1:] == ranked[:, :-1]).tobytes()


def _queue_order(priority: BoundPolicy, scheduling: BoundPolicy, preemption: BoundPolicy) -> Iterator[bytes]:
    """In every situation of an instance, the order in which requests are taken from its queue, and from its batch."""
    sorts, ranks = bool(scheduling.flag("SORTS", True)), bool(preemption.flag("NEEDS_PRIORITY", False))
    is_asked = (sorts and scheduling.flag("USES_PRIORITY", True)) or ranks
    yield _ingredients("priority", priority) if is_asked else b""
    yield _ingredients("scheduling", scheduling) + _ingredients("preemption", preemption)
    known = situations()
    shape = known.waiting.shape[:2]
    places = addresses([policy.decide for policy in (priority, scheduling, preemption)])
    parameters = [policy.parameters for policy in (priority, scheduling, preemption)]
    memory = memory_for(priority, 1, 1)
    arrival_us = known.waiting[:, :, 0]
    names = np.broadcast_to(np.arange(shape[1]), shape)
    # An order that cannot change is worked out at time 0, one that can at the time of the step.
    for clock_us in (np.zeros(shape[0], np.int64), np.ascontiguousarray(known.queue[:, 0])):
        priorities, keys = np.empty(shape), np.empty(shape)
        rank_requests(
            places, parameters[0], parameters[1], memory, clock_us, known.queue, known.waiting, priorities, keys
        )
        if sorts:
            yield np.lexsort((names, arrival_us, keys), axis=-1).astype(np.int8).tobytes()
    victims = np.empty(shape, np.int64)
    room = np.empty((6, shape[1]))
    name_victims(places, parameters[2], memory, known.queue[:, 0], known.waiting, priorities, room, victims)
    yield victims.astype(np.int8).tobytes()
