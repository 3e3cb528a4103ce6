"""A formula for routing or priority: a strongly typed tree over features of the question, bred by DEAP's operators.

A value is the postfix text that the engine runs, such as "cached_share 3 mul effective_load sub", in its simplest form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import frexp
from typing import Any, ClassVar

import numpy as np
from deap import gp

from blis.engine.features import PRIORITY_FEATURES, ROUTING_FEATURES
from blis.engine.program import encode
from blis.foundation.checks import check_choice, check_int, check_keys, check_number, nearest
from blis.foundation.errors import ConfigError, ContractError
from blis.foundation.units import Float64Vector
from blis.policies.bundle import complete_policy
from evolve.genomes.expression import ZERO, Expression, features, infix, parse, postfix, telling_features, words
from evolve.genomes.primitives import expression_of, primitive_set, tree_of, varied_constants
from evolve.genomes.seeding import deap_draws
from evolve.genomes.simplify import simplified
from evolve.records import Phenotype, Value

#: What the formulas of a question may read at all.
FEATURES = {"routing": ROUTING_FEATURES, "priority": PRIORITY_FEATURES}

#: What is read if a problem does not say. The time of day and of arrival are not there, since a formula could learn the
#: scenario by heart from them; nor is what depends on the hardware (counts of blocks, lengths of steps).
DEFAULT_FEATURES = {
    "routing": (
        "queued_requests", "running_requests", "queued_tokens", "used_share", "in_flight_requests", "effective_load",
        "cached_share", "affinity_share", "last_routed", "least_load", "mean_load", "input_tokens", "uncached_tokens",
        "urgency", "sent_tokens", "sent_urgent_requests", "is_session_home", "headroom_share", "expected_ttft_us",
        "expected_itl_us",
    ),
    "priority": (
        "input_tokens", "urgency", "preemptions", "round", "ttft_target_us", "ttft_slack_us",
        "uncached_tokens", "expected_output_tokens", "tenant_tokens",
    ),
}  # fmt: skip

#: Features that are equal for all that a decision compares: instances, or the requests of one queue.
SHARED_FEATURES = {
    "routing": frozenset({"least_load", "mean_load", "input_tokens", "urgency", "clock_us", "age_us"}),
    "priority": frozenset({"queued_requests", "running_requests", "free_blocks"}),
}

#: Policies that a formula equals, decision by decision.
_SPELLED = {
    "routing": {
        "least-loaded": "effective_load neg",
        "always-busiest": "effective_load",
        "round-robin": "last_routed neg",
        "lmetric": "queued_tokens uncached_tokens add in_flight_requests 1 add mul neg",
        "shortest-expected-work": "queued_tokens uncached_tokens add in_flight_requests 200 mul add neg",
    },
    "priority": {"constant": "0", "slo-based": "age_us", "inverted-slo": "age_us neg", "slo-class": "urgency"},
}

#: Longest formula that is read at all, whatever a problem allows [words].
_MOST_WORDS = 200

#: Height of the trees that start a search, and of a subtree that mutation puts in [operations].
_FIRST_HEIGHT, _GRAFT_HEIGHT = 4, 2

#: Draws until a sample is small enough and reads a feature; then any single feature does.
_ATTEMPTS = 20

#: How far mutation moves constants: standard deviation of the factor's logarithm.
_SPREAD = 0.3


@dataclass(frozen=True, slots=True)
class GeneKind:
    """A formula of limited size over listed features."""

    KEYS: ClassVar = ("features", "max_depth", "max_words", "constants")

    name: str
    features: tuple[str, ...]
    max_depth: int  #: operations on the longest way from the result to a feature
    max_words: int
    constants: tuple[float, float]  #: range of the size of new constants
    n_continuous: int = 0

    @classmethod
    def from_mapping(cls, name: str, where: str, mapping: Mapping[str, Any]) -> "GeneKind":
        """Read `features`, `max_depth`, `max_words` and `constants`.

        By default `DEFAULT_FEATURES`, 6, 30 and {low: 0.01, high: 100}.

        Raises
        ------
        ConfigError
            If the question knows no formulas, a feature is unknown, none differs between what is compared, or a limit
            is wrong.
        """
        if name not in FEATURES:
            raise ConfigError(f"{where}: a program answers 'routing' or 'priority' only; got {name!r}.")
        given = check_keys(where, mapping, cls.KEYS)
        listed = given.get("features", DEFAULT_FEATURES[name])
        if not isinstance(listed, list | tuple):
            raise ConfigError(f"{where}.features must be a list of features; got {listed!r}.")
        for place, feature in enumerate(listed):
            check_choice(f"{where}.features[{place}]", feature, FEATURES[name])
            if feature in listed[:place]:
                raise ConfigError(f"{where}.features must not repeat a feature; got {feature!r} twice.")
        if not set(listed) - SHARED_FEATURES[name]:
            raise ConfigError(
                f"{where}.features must hold one that differs between what is compared; got "
                f"{', '.join(listed) or 'none'}."
            )
        constants = check_keys(f"{where}.constants", given.get("constants", {}), ("low", "high"))
        low = check_number(f"{where}.constants.low", constants.get("low", 0.01), 1e-12, 1e12)
        high = check_number(f"{where}.constants.high", constants.get("high", 100.0), low, 1e12)
        return cls(
            name=name,
            features=tuple(listed),
            max_depth=check_int(f"{where}.max_depth", given.get("max_depth", 6), 1, 16),
            max_words=check_int(f"{where}.max_words", given.get("max_words", 30), 1, _MOST_WORDS),
            constants=(low, high),
        )

    def sample(self, random: np.random.Generator) -> Value:
        """Ramped half and half: full trees and grown ones, of all heights up to a few operations."""
        height = min(_FIRST_HEIGHT, self.max_depth)
        for _ in range(_ATTEMPTS):
            with deap_draws(random):
                tree = gp.PrimitiveTree(gp.genHalfAndHalf(self._primitives, 1, height))
            expression = self._ranked(expression_of(tree))
            if self._fits(expression) and expression.operands:
                return postfix(expression)
        telling = [feature for feature in self.features if feature not in SHARED_FEATURES[self.name]]
        return telling[int(random.integers(len(telling)))]

    def mate(self, one: Value, other: Value, random: np.random.Generator) -> tuple[Value, Value]:
        """Exchange of two subtrees of one type; a child that is too large is replaced by its parent."""
        parents = [tree_of(parse(value), self._primitives) for value in (one, other)]
        with deap_draws(random):
            children = gp.cxOnePoint(*parents)
        return self._child(children[0], one), self._child(children[1], other)

    def mutate(self, value: Value, random: np.random.Generator) -> Value:
        """A new subtree, another word, an operation more or less, or other constants; unchanged if it got too large."""
        expression = parse(value)
        tree, primitives = tree_of(expression, self._primitives), self._primitives
        kind = random.random()
        with deap_draws(random):
            if kind < 0.3 and any(leaf.is_constant for leaf in _leaves(expression)):
                return self._value(simplified(varied_constants(expression, _SPREAD)), value)
            if kind < 0.6:
                graft = partial(gp.genGrow, min_=0, max_=_GRAFT_HEIGHT)
                (tree,) = gp.mutUniform(tree, graft, primitives)
            elif kind < 0.75:
                (tree,) = gp.mutNodeReplacement(tree, primitives)
            elif kind < 0.9:
                (tree,) = gp.mutInsert(tree, primitives)
            else:
                (tree,) = gp.mutShrink(tree)
        return self._child(tree, value)

    def canonical(self, value: Value) -> Value:
        """The simplest form, see `evolve.genomes.simplify`; "0" if it gives all that is compared one value."""
        return postfix(self._ranked(parse(value)))

    def check(self, where: str, value: object) -> Value:
        """A formula of the gene's features that is, once simplified, within its limits."""
        if not isinstance(value, str) or len(value.split()) > _MOST_WORDS:
            raise ConfigError(f"{where} must be a postfix formula of at most {_MOST_WORDS} words; got {value!r}.")
        encode(where, value, self.name)
        expression = self._ranked(parse(value))
        for feature in sorted(features(expression)):
            if feature not in self.features:
                raise ConfigError(
                    f"{where}: {feature!r} is not among the features of this gene{nearest(feature, self.features)} "
                    f"Features: {', '.join(self.features)}."
                )
        if not self._fits(expression):
            raise ConfigError(
                f"{where} must have at most {self.max_words} words and a depth of {self.max_depth}; got "
                f"{len(words(expression))} words and a depth of {expression.depth}."
            )
        return postfix(expression)

    def decode(self, value: Value) -> Phenotype:
        """A `program` policy."""
        return Phenotype({self.name: {"policy": "program", "formula": value}})

    def encode(self, policies: Mapping[str, Any], limits: Mapping[str, int]) -> Value | None:
        """The formula of a program, or the one that spells out a known policy."""
        if self.name not in policies:
            return None
        given = complete_policy(self.name, policies[self.name])
        formula = given.get("formula")
        if given["policy"] in _SPELLED[self.name] and given == complete_policy(self.name, given["policy"]):
            formula = _SPELLED[self.name][given["policy"]]
        try:
            return None if formula is None else self.check(self.name, formula)
        except ConfigError:
            return None

    def complexity(self, value: Value) -> float:
        """Words of the formula."""
        return float(len(value.split()))

    def describe(self, value: Value) -> str:
        """The formula as people write it."""
        return infix(parse(value))

    def to_vector(self, value: Value) -> Float64Vector:
        """Empty: a tree has no continuous form."""
        return np.empty(0)

    def from_vector(self, vector: Float64Vector) -> Value:
        """Fails: a tree has no continuous form."""
        raise ContractError(f"the gene {self.name!r} is a formula and has no continuous form.")

    @property
    def _primitives(self) -> gp.PrimitiveSetTyped:
        return primitive_set(self.features, *self.constants, compares_instances=self.name == "routing")

    def _ranked(self, expression: Expression) -> Expression:
        """The simplest formula that puts whatever is compared in the same order."""
        expression = simplified(expression)
        while expression.word == "mul" and _is_power_of_two(expression.operands[1]):
            expression = expression.operands[0]
        return expression if telling_features(expression) - SHARED_FEATURES[self.name] else ZERO

    def _fits(self, expression: Expression) -> bool:
        return len(words(expression)) <= self.max_words and expression.depth <= self.max_depth

    def _child(self, tree: gp.PrimitiveTree, parent: Value) -> Value:
        return self._value(expression_of(tree), parent)

    def _value(self, expression: Expression, parent: Value) -> Value:
        ranked = self._ranked(expression)
        return postfix(ranked) if self._fits(ranked) else parent


def _leaves(expression: Expression) -> list[Expression]:
    if not expression.operands:
        return [expression]
    return [leaf for operand in expression.operands for leaf in _leaves(operand)]


def _is_power_of_two(expression: Expression) -> bool:
    """Whether multiplying by it changes no digit, and so no order."""
    return expression.is_constant and frexp(float(expression.word))[0] == 0.5
