"""Invent policies: every answer of every question, with random parameters read off its own description."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from blis.engine.features import PRIORITY_FEATURES, ROUTING_FEATURES
from blis.foundation.answers import answer, choices
from blis.policies.binding import CHAIN, MAX_SCORERS, fields
from blis.policies.parameters import Bounds, FilterList, Formula, OneOf, ScorerWeights

#: How often a question keeps its plainest answer, so that the others meet clusters that work.
PLAIN = {"admission": 0.6, "filtering": 0.5, "routing": 0.05, "priority": 0.3, "scheduling": 0.3, "preemption": 0.5}
PLAINEST = {"admission": "always-admit", "filtering": "none", "routing": "round-robin", "priority": "constant",
            "scheduling": "fcfs", "preemption": "newest"}  # fmt: skip
OPERANDS = {"add": 2, "sub": 2, "mul": 2, "div": 2, "min": 2, "max": 2, "less": 2, "neg": 1, "abs": 1, "sqrt": 1,
            "log1p": 1, "if": 3}  # fmt: skip
OF_ROUTING = {"least": 1, "most": 1}
NUMBERS = ("0", "1", "-1", "0.5", "1e-6", "1000", "-2.5", "1e300", "1e-300")


def draw_policies(random: Random, is_pressed: bool) -> dict[str, Any]:
    """A policy for each question; where memory is to be short, hardly anybody is refused."""
    policies = {question: draw_policy(random, question) for question in PLAIN}
    if is_pressed and random.random() < 0.8:
        policies["admission"] = {"policy": PLAINEST["admission"]}
    return policies


def draw_formula(random: Random, question: str, depth: int = 0) -> str:
    """A postfix program that leaves one value."""
    if depth >= 5 or random.random() < 0.25 + 0.1 * depth:
        features = ROUTING_FEATURES if question == "routing" else PRIORITY_FEATURES
        return random.choice(features) if random.random() < 0.75 else random.choice(NUMBERS)
    operands = OPERANDS | (OF_ROUTING if question == "routing" else {})
    word = random.choice(sorted(operands))
    return " ".join([*(draw_formula(random, question, depth + 1) for _ in range(operands[word])), word])


def draw_policy(random: Random, question: str) -> dict[str, Any]:
    """An answer to one question, with most of its parameters."""
    is_plain = random.random() < PLAIN.get(question, 0.0)
    name = PLAINEST[question] if is_plain else random.choice(choices(question))
    policy: dict[str, Any] = {"policy": name}
    for parameter, (marker, default) in fields(answer(question, name)).items():
        if random.random() < 0.3:
            continue
        if isinstance(marker, Bounds):
            policy[parameter] = _number(random, marker, default)
        elif isinstance(marker, ScorerWeights):
            policy[parameter] = _scorers(random)
        elif isinstance(marker, FilterList):
            policy[parameter] = [_filter(random) for _ in range(random.choice((0, 1, 2, 3)))]
        elif isinstance(marker, OneOf):
            policy[parameter] = random.choice(marker.words)
        elif isinstance(marker, Formula):
            policy[parameter] = draw_formula(random, marker.question)
    if policy.get("cache_weight", 1) + policy.get("load_weight", 1) <= 0:
        policy["load_weight"] = 1.0
    return policy


def _filter(random: Random) -> dict[str, Any]:
    """A filter that is no chain itself."""
    while True:
        drawn = draw_policy(random, "filtering")
        if drawn["policy"] != CHAIN:
            return drawn


def _number(random: Random, bounds: Bounds, default: float) -> float:
    """A number within the bounds, mostly of the size that matters to a few small requests."""
    low, high = bounds.low, bounds.high
    if isinstance(default, int):
        return random.randint(math.ceil(low), math.floor(min(high, low + 1000)))
    small = random.choice((low, 0.0, 1.0, 2.0, 0.5, 10.0, 100.0, random.uniform(-5, 5), 10 ** random.uniform(-6, 6)))
    number = random.choice((small, small, small, default, high))
    return float(min(high, max(low, number)))


def _scorers(random: Random) -> list[dict[str, Any]]:
    names = choices("scoring")
    chosen = random.sample(names, random.randint(1, min(len(names), MAX_SCORERS, random.choice((2, 4, 10)))))
    return [{"name": name, "weight": random.choice((1, 2, 0.5, 3.7, 1e-6, 1e6))} for name in chosen]
