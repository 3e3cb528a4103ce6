"""Formulas keep their value, to the last bit, when they are simplified, and read as they are computed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.engine.features import ROUTING_FEATURES
from blis.engine.program import STACK_SIZE, encode
from evolve.genomes.choices import score_instances
from evolve.genomes.expression import infix, parse, postfix
from evolve.genomes.simplify import simplified
from evolve.genomes.situations import situations

LEAVES = st.one_of(
    st.sampled_from(["queued_requests", "used_share", "last_routed", "urgency", "least_load", "mean_load"]),
    st.sampled_from(["0", "1", "-1", "2", "-0.5", "0.1", "7", "1e-6"]),
)


def operations(operands: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one = st.tuples(operands, st.sampled_from(["neg", "abs", "sqrt", "log1p"]))
    two = st.tuples(operands, operands, st.sampled_from(["add", "sub", "mul", "div", "min", "max", "less", "+", "<"]))
    three = st.tuples(operands, operands, operands, st.just("if"))
    return st.one_of(one, two, two, three).map(" ".join)


FORMULAS = st.recursive(LEAVES, operations, max_leaves=12)


def scores(formula: str) -> np.ndarray:
    """The engine's values in all situations; minus zero counts as zero."""
    known = situations()
    found = np.empty((len(known.signals), known.signals.shape[2]))
    program = encode("formula", formula, "routing")
    score_instances(program, np.zeros(STACK_SIZE * found.shape[1]), *known[:6], found)
    return found + 0.0


@settings(max_examples=250, deadline=None, derandomize=True)
@given(formula=FORMULAS)
def test_simple_forms_have_the_same_value_everywhere(formula: str) -> None:
    simplest = simplified(parse(formula))

    assert scores(postfix(simplest)).tobytes() == scores(formula).tobytes()
    assert scores(postfix(parse(formula))).tobytes() == scores(formula).tobytes()
    assert len(postfix(simplest).split()) <= len(postfix(parse(formula)).split())
    assert simplified(simplest) == simplest
    assert simplified(parse(postfix(simplest))) == simplest


@pytest.mark.parametrize(
    ("formula", "simplest"),
    [
        ("queued_requests queued_requests sub", "0"),
        ("queued_requests 1 mul", "queued_requests"),
        ("0 queued_requests add", "queued_requests"),
        ("queued_requests neg neg", "queued_requests"),
        ("urgency used_share add", "urgency used_share add"),
        ("used_share urgency add", "urgency used_share add"),
        ("2 3 mul urgency add", "urgency 6 add"),
        ("urgency -3 add", "urgency 3 sub"),
        ("urgency used_share neg sub", "urgency used_share add"),
        ("urgency neg used_share neg mul", "urgency used_share mul"),
        ("urgency used_share less urgency used_share if", "urgency used_share min"),
        ("used_share urgency less urgency used_share if", "urgency used_share max"),
        ("1 urgency used_share if", "urgency"),
        ("urgency used_share sub urgency urgency if", "urgency"),
        ("queued_requests abs", "queued_requests"),
        ("urgency abs", "urgency abs"),
        ("urgency abs sqrt", "urgency sqrt"),
        ("urgency used_share less 2 mul", "urgency used_share less 2 mul"),
        ("0 urgency less used_share 1 if", "urgency used_share 1 if"),
        ("urgency used_share < urgency used_share < urgency 2 if 3 if", "urgency used_share less urgency 3 if"),
        ("urgency used_share < 3 urgency used_share < urgency 2 if if", "urgency used_share less 3 2 if"),
        ("urgency used_share < urgency urgency if", "urgency"),
        ("urgency -3 mul used_share add", "used_share urgency 3 mul sub"),
        ("urgency 3 mul neg", "urgency -3 mul"),
        ("urgency neg used_share neg less used_share 1 if", "used_share urgency less used_share 1 if"),
        ("urgency neg used_share neg min", "urgency used_share max neg"),
        ("1e308 10 mul urgency add", "10 1e+308 mul urgency add"),
        ("used_share 0 div", "0"),
    ],
)
def test_identities(formula: str, simplest: str) -> None:
    assert postfix(simplified(parse(formula))) == simplest


def test_sums_are_not_regrouped() -> None:
    # 0.1 + (0.2 + 0.3) is 0.6 and (0.1 + 0.2) + 0.3 is 0.6000000000000001
    left = simplified(parse("urgency used_share add mean_load add"))
    right = simplified(parse("urgency used_share mean_load add add"))

    assert left != right


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        ("cached_share 3 mul effective_load sub", "cached_share * 3 - effective_load"),
        ("effective_load neg", "-effective_load"),
        ("urgency used_share mean_load sub sub", "urgency - (used_share - mean_load)"),
        ("urgency used_share sub mean_load sub", "urgency - used_share - mean_load"),
        ("urgency used_share add mean_load mul", "(urgency + used_share) * mean_load"),
        ("urgency used_share mean_load mul div", "urgency / (used_share * mean_load)"),
        ("urgency used_share mul neg", "-urgency * used_share"),
        ("urgency used_share add neg", "-(urgency + used_share)"),
        ("queued_requests 0.9 less used_share sqrt 1 if", "if(queued_requests < 0.9, sqrt(used_share), 1)"),
        ("queued_requests used_share 1 if", "if(queued_requests > 0, used_share, 1)"),
        ("urgency used_share min", "min(urgency, used_share)"),
    ],
)
def test_formulas_read_as_people_write_them(formula: str, text: str) -> None:
    assert infix(parse(formula)) == text


@settings(max_examples=200, deadline=None, derandomize=True)
@given(formula=FORMULAS)
def test_what_people_read_is_what_is_computed(formula: str) -> None:
    names = {"abs": abs, "min": np.minimum, "max": np.maximum}
    names |= {"sqrt": lambda x: np.sqrt(np.abs(x)), "log1p": lambda x: np.log1p(np.abs(x))}
    names["choose"] = lambda condition, one, other: np.where(condition, one, other)
    simplest = simplified(parse(formula))
    text = infix(simplest).replace("if(", "choose(")
    if " / " in text or simplest.is_constant:
        return  # the engine divides by zero in its own way
    values = dict(
        zip(ROUTING_FEATURES, (np.float64(v) for v in (3, 2, 40, 9, 0.25, 1, 6, 5, 2, 0.4, 0.3)), strict=False)
    )
    values |= {
        "last_routed": np.float64(8),
        "urgency": np.float64(-2),
        "least_load": np.float64(4),
        "mean_load": np.float64(5.5),
    }

    read = float(eval(text, {"__builtins__": {}}, {**names, **values}))

    computed = _run(postfix(simplest), values)
    # Six digits of a constant are shown.
    assert read == pytest.approx(computed, rel=1e-4, abs=1e-9)


def _run(formula: str, values: dict[str, np.float64]) -> float:
    """A reading of postfix text that is as plain as can be."""
    stack: list[float] = []
    for word in formula.split():
        if word in values:
            stack.append(float(values[word]))
        elif word == "if":
            condition, one, other = stack[-3:]
            stack[-3:] = [one if condition > 0 else other]
        elif word in ("neg", "abs", "sqrt", "log1p"):
            value = stack.pop()
            stack.append(
                {"neg": -value, "abs": abs(value), "sqrt": abs(value) ** 0.5, "log1p": np.log1p(abs(value))}[word]
            )
        elif word in ("add", "sub", "mul", "min", "max", "less"):
            one, other = stack[-2:]
            results = {"add": one + other, "sub": one - other, "mul": one * other, "min": min(one, other)}
            stack[-2:] = [(results | {"max": max(one, other), "less": float(one < other)})[word]]
        else:
            stack.append(float(word))
    (result,) = stack
    return float(result)
