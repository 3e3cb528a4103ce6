"""Canonical forms and errors of each kind of gene."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.foundation.answers import OPTIONAL_QUESTIONS, QUESTIONS
from blis.foundation.errors import ConfigError, ContractError
from blis.foundation.randomness import stream
from blis.policies.parameters import Bounds
from evolve.genomes import answer, number, program, weights
from evolve.genomes.expression import parse
from evolve.genomes.primitives import Condition, Number, expression_of, primitive_set, tree_of
from evolve.genomes.ranges import Range
from evolve.genomes.weights import LEAST_SHARE, whole_ratios
from evolve.problem import Problem
from tests.genomes.problems import problem

SCORERS = ["prefix-affinity", "queue-depth", "kv-utilization"]
WEIGHTS = weights.GeneKind.from_mapping("routing", "gene", {"scorers": SCORERS})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([3.0, 2.0, 2.0], [3, 2, 2]),
        ([6.0, 4.0, 4.0], [3, 2, 2]),
        ([0.3, 0.2, 0.2], [3, 2, 2]),
        ([0.0, 0.0, 1e-300], [0, 0, 1]),
        ([1e300, 1e300, 0.0], [1, 1, 0]),
        ([1.0, 1.0, 0.001], [1, 1, 0]),  # the last is below a hundredth
        ([1.0, 98.0, 1.0], [1, 98, 1]),  # exactly a hundredth
        ([np.pi, np.e, 1.0], [229, 198, 73]),  # 457.97, 396.26 and 145.78 thousandths to the nearest, halved
    ],
)
def test_weights_are_whole_numbers_in_their_ratios(given: list[float], expected: list[int]) -> None:
    np.testing.assert_array_equal(whole_ratios(np.array(given)), expected)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.floats(0.0, 1e6), min_size=2, max_size=10).filter(lambda values: max(values) > 0))
def test_whole_weights_keep_their_ratios(values: list[float]) -> None:
    shares = np.array(values) / max(values)
    shares = shares / shares.sum()
    parts = whole_ratios(np.array(values))

    kept = np.where(shares < LEAST_SHARE - 1e-9, 0.0, shares)
    np.testing.assert_allclose(parts / parts.sum(), kept / kept.sum(), atol=1e-3)
    np.testing.assert_array_equal(whole_ratios(parts.astype(float)), parts)
    assert np.gcd.reduce(parts) == 1


def test_samples_of_weights_are_even_over_the_number_of_scorers() -> None:
    random = stream(0, "test")
    used = np.bincount([len(WEIGHTS.sample(random)) for _ in range(3000)], minlength=4)

    # One, two or three with a chance of 1/3 each; a few of the shares fall below the least.
    np.testing.assert_allclose(used[1:] / 3000, [1 / 3, 1 / 3, 1 / 3], atol=0.05)


def test_crossover_of_weights_keeps_a_common_zero() -> None:
    random = stream(0, "test")
    one, other = {"prefix-affinity": 1, "queue-depth": 3}, {"prefix-affinity": 4, "queue-depth": 1}

    for _ in range(50):
        for child in WEIGHTS.mate(one, other, random):
            assert "kv-utilization" not in child


def test_types_of_formulas_have_one_order_in_every_process() -> None:
    assert (hash(Number), hash(Condition)) == (1, 2)
    assert Number != Condition


@pytest.mark.parametrize("text", ["urgency", "queued_requests used_share 1 if", "urgency used_share less 2 urgency if"])
def test_trees_go_to_deap_and_back(text: str) -> None:
    primitives = primitive_set(("urgency", "used_share", "queued_requests"), 0.01, 100.0)

    assert expression_of(tree_of(parse(text), primitives)) == parse(text)


def test_constants_are_drawn_evenly_in_the_logarithm() -> None:
    gene = program.GeneKind.from_mapping(
        "routing", "gene", {"features": ["used_share"], "constants": {"low": 1, "high": 100}}
    )
    random = stream(0, "test")
    found = [float(word) for _ in range(600) for word in gene.sample(random).split() if word[0].isdigit()]

    drawn = [value for value in found if (1 <= value <= 100 and value != int(value)) or 10 < value <= 100]
    assert len(drawn) > 100
    assert 0.3 < np.mean([value <= 10 for value in drawn]) < 0.8


def test_a_formula_that_tells_nothing_apart_is_zero() -> None:
    gene = program.GeneKind.from_mapping("routing", "gene", {})

    assert gene.canonical("least_load 3 mul urgency add") == "0"
    assert gene.canonical("7") == "0"
    assert gene.canonical("effective_load least_load sub") == "effective_load least_load sub"


def test_a_factor_that_is_a_power_of_two_ranks_alike() -> None:
    gene = program.GeneKind.from_mapping("routing", "gene", {})

    assert gene.canonical("queued_requests queued_requests add") == "queued_requests"
    assert gene.canonical("queued_requests 0.25 mul") == "queued_requests"
    assert gene.canonical("queued_requests 3 mul") == "queued_requests 3 mul"
    assert gene.canonical("queued_requests -2 mul") == "queued_requests -2 mul"


def test_time_is_no_default_feature() -> None:
    for features in program.DEFAULT_FEATURES.values():
        assert not {"clock_us", "arrival_us", "age_us"} & set(features)


def test_formulas_stay_within_their_limits() -> None:
    gene = program.GeneKind.from_mapping("routing", "gene", {"max_depth": 2, "max_words": 7})
    random = stream(0, "test")
    values = [gene.sample(random) for _ in range(20)]
    for _ in range(300):
        one, other = random.integers(20, size=2)
        values[one], values[other] = gene.mate(values[one], values[other], random)
        values[one] = gene.mutate(values[one], random)
        assert len(values[one].split()) <= 7
        assert parse(values[one]).depth <= 2


def test_a_formula_has_no_continuous_form() -> None:
    searched = problem("routing_program")

    assert searched.n_continuous == 0
    with pytest.raises(ContractError, match="'routing' is a formula"):
        searched.from_vector(np.empty(0))


@pytest.mark.parametrize(
    ("mapping", "place", "expected"),
    [
        ({}, 0.25, 2.5),
        ({"low": 1, "high": 100, "scale": "log"}, 0.5, 10.0),
        ({"whole": True}, 0.26, 3),
        ({"low": 1, "high": 3}, 0.123456, 1.247),
        ({"high": 5}, 2.0, 5.0),
        ({"low": 5}, -1.0, 5.0),
    ],
)
def test_numbers_lie_at_their_place(mapping: dict[str, Any], place: float, expected: float) -> None:
    found = Range.from_mapping(
        "range", {"low": 0, **mapping}, Bounds(0.0, 100.0 if "scale" in mapping else 10.0), False
    ).at(place)

    assert found == expected
    assert type(found) is type(expected)


def test_parameters_of_other_policies_vanish() -> None:
    gene = problem("full").genes[0]
    value = {"refill_tokens_per_s": 500.0, "policy": "token-bucket", "capacity_tokens": 2000.0, "threshold_requests": 3}

    assert gene.canonical(value) == {"policy": "token-bucket", "capacity_tokens": 2000.0, "refill_tokens_per_s": 500.0}
    assert gene.describe(gene.canonical(value)) == "token-bucket (capacity_tokens 2000, refill_tokens_per_s 500)"


def test_a_parameter_may_be_fixed() -> None:
    entry = {"policy": "linear", "parameters": {"age": 0, "urgency": {"low": 1, "high": 2}}}
    gene = answer.GeneKind.from_mapping("priority", "gene", {"policies": [entry]})
    value = gene.sample(stream(0, "test"))

    assert list(value) == ["policy", "urgency"]
    assert gene.decode(value).policies["priority"]["age"] == 0
    assert gene.encode({"priority": {"policy": "linear", "age": 0, "urgency": 1.5}}, {}) == {
        "policy": "linear",
        "urgency": 1.5,
    }
    assert gene.encode({"priority": {"policy": "linear", "age": 1, "urgency": 1.5}}, {}) is None
    assert gene.encode({"priority": {"policy": "linear", "age": 0, "urgency": 5}}, {}) is None


def test_a_limit_is_a_whole_number_on_its_scale() -> None:
    gene = number.GeneKind.from_mapping(
        "cluster.max_running_requests", "gene", {"low": 1, "high": 1024, "scale": "log"}
    )
    random = stream(0, "test")
    values = [gene.sample(random) for _ in range(2000)]

    assert all(isinstance(value, int) for value in values)
    assert np.median(values) == pytest.approx(32, rel=0.2)  # half of the logarithm
    assert gene.decode(7).limits == {"max_running_requests": 7}
    assert gene.encode({}, {"max_running_requests": 2000}) is None


FCFS = {"kind": "answer", "policies": ["fcfs", "sjf"]}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (None, "p must be a mapping of keys to values; got None"),
        ({}, "p: key 'genes' is required"),
        ({"genes": {}}, "p.genes must hold one gene at least; got none"),
        ({"gens": {}}, "p: unknown key 'gens'; did you mean 'genes'?"),
        ({"genes": {"rooting": FCFS}}, "p.genes: unknown key 'rooting'; did you mean 'routing'?"),
        ({"genes": {"scheduling": "fcfs"}}, "p.genes.scheduling must be a mapping with the key 'kind'; got 'fcfs'"),
        (
            {"genes": {"scheduling": FCFS | {"kind": "anser"}}},
            "p.genes.scheduling.kind: no choice named 'anser'; did you mean 'answer'?",
        ),
        (
            {"genes": {"scheduling": FCFS | {"rate": 0}}},
            "p.genes.scheduling.rate must be a finite number > 0 and ≤ 1; got 0",
        ),
        ({"genes": {"scheduling": FCFS | {"rate": float("nan")}}}, "got nan"),
        ({"genes": {"scheduling": FCFS | {"kind": "number"}}}, "p.genes.scheduling.kind must be 'number' for a limit"),
        (
            {"genes": {"cluster": {"step_token_budget": FCFS}}},
            "p.genes.cluster.step_token_budget.kind must be 'number'",
        ),
        ({"genes": {"cluster": {"step_token_budge": {}}}}, "did you mean 'step_token_budget'?"),
        (
            {"genes": {"cluster": {"step_token_budget": {"kind": "number", "low": 0}}}},
            r"low must be a finite number in \[1",
        ),
        ({"genes": {"cluster": {"step_token_budget": {"kind": "number", "low": 9, "high": 9}}}}, "low must be < high"),
        (
            {"genes": {"cluster": {"step_token_budget": {"kind": "number", "low": 1.5}}}},
            "must be whole numbers; got 1.5",
        ),
        (
            {"genes": {"cluster": {"long_prefill_threshold_tokens": {"kind": "number", "scale": "log"}}}},
            "low must be > 0 on a log scale",
        ),
        (
            {"genes": {"scheduling": {"kind": "answer", "policies": []}}},
            "policies must be a list of policies; got \\[\\]",
        ),
        (
            {"genes": {"scheduling": {"kind": "answer", "policies": ["fcfs"]}}},
            "must have two policies, or a parameter to search",
        ),
        ({"genes": {"scheduling": {"kind": "answer", "policies": ["fcfs", "fcfs"]}}}, "'fcfs' is listed twice"),
        (
            {"genes": {"scheduling": {"kind": "answer", "policies": ["fcfs", "sfj"]}}},
            r"policies\[1\].policy: no choice named 'sfj'; did you mean 'sjf'?",
        ),
        (
            {
                "genes": {
                    "priority": {"kind": "answer", "policies": [{"policy": "linear", "parameters": {"agee": None}}]}
                }
            },
            "did you mean 'age'?",
        ),
        (
            {
                "genes": {
                    "priority": {
                        "kind": "answer",
                        "policies": [{"policy": "linear", "parameters": {"age": {"low": -9e9}}}],
                    }
                }
            },
            r"age.low must be a finite number in \[-1000, 1000\]",
        ),
        (
            {
                "genes": {
                    "priority": {
                        "kind": "answer",
                        "policies": ["constant", {"policy": "linear", "parameters": {"age": "x"}}],
                    }
                }
            },
            r"policies\[1\].age must be a finite number",
        ),
        ({"genes": {"routing": {"kind": "weights"}}}, "key 'scorers' is required"),
        ({"genes": {"routing": {"kind": "weights", "scorers": ["queue-depth"]}}}, "must be a list of 2 to 24 scorers"),
        (
            {"genes": {"routing": {"kind": "weights", "scorers": ["queue-depth", "queue-deph"]}}},
            "did you mean 'queue-depth'?",
        ),
        (
            {"genes": {"routing": {"kind": "weights", "scorers": ["queue-depth", "queue-depth"]}}},
            "must not repeat a scorer",
        ),
        (
            {"genes": {"priority": {"kind": "weights", "scorers": SCORERS}}},
            "weights answer the questions 'routing', 'prefill_routing' and 'encode_routing' only; got 'priority'",
        ),
        (
            {"genes": {"scheduling": {"kind": "program"}}},
            "a program answers 'routing' or 'priority' only; got 'scheduling'",
        ),
        ({"genes": {"routing": {"kind": "program", "features": ["effective_lode"]}}}, "did you mean 'effective_load'?"),
        (
            {"genes": {"routing": {"kind": "program", "features": ["urgency"]}}},
            "must hold one that differs between what is compared; got urgency",
        ),
        ({"genes": {"routing": {"kind": "program", "features": []}}}, "got none"),
        ({"genes": {"routing": {"kind": "program", "max_depth": 0}}}, r"max_depth must be an int in \[1, 16\]; got 0"),
        ({"genes": {"routing": {"kind": "program", "constants": {"low": 0}}}}, "constants.low must be a finite number"),
        (
            {"genes": {"scheduling": FCFS}, "frozen": {"scheduling": "fcfs"}},
            "'scheduling' is a gene; it must be searched or frozen, not both",
        ),
        (
            {"genes": {"scheduling": FCFS}, "frozen": {"routing": "lest-loaded"}},
            "p.frozen.routing: no choice named 'lest-loaded'",
        ),
        (
            {"genes": {"scheduling": FCFS}, "frozen": {"cluster": {"step_token_budget": 0}}},
            "p.frozen.cluster.step_token_budget must be an int",
        ),
        ({"genes": {"scheduling": FCFS}, "seeds": ["fcfs"]}, "p.seeds must be a mapping of names to policies"),
        (
            {"genes": {"scheduling": FCFS}, "seeds": {"mine": {"scheduling": "priority-fcfs"}}},
            "p.seeds.mine must be a genome of this problem.*the gene 'scheduling' cannot express",
        ),
        (
            {"genes": {"scheduling": FCFS}, "seeds": {"mine": {"routing": "least-loaded"}}},
            "the frozen part cannot express",
        ),
        (
            {"genes": {"scheduling": FCFS}, "seeds": {"mine": {"schedulin": "fcfs"}}},
            "p.seeds.mine: unknown key 'schedulin'",
        ),
    ],
)
def test_wrong_problems_are_refused(mapping: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Problem.from_mapping("p", mapping)


@pytest.mark.parametrize(
    ("name", "genome", "message"),
    [
        ("routing_weights", {}, "g: key 'routing' is required"),
        ("routing_weights", {"routing": {"queue-depth": 0}}, "g.routing must give a weight > 0 to one scorer at least"),
        ("routing_weights", {"routing": {}}, "g.routing must give a weight > 0"),
        ("routing_weights", {"routing": {"queue-depth": -1}}, "g.routing.queue-depth must be a finite number"),
        ("routing_weights", {"routing": {"queue-depth": float("inf")}}, "got inf"),
        ("routing_weights", {"routing": {"queue": 1}}, "g.routing: unknown key 'queue'"),
        ("routing_program", {"routing": "effective_load negg"}, "g.routing: word 2, 'negg', is no feature"),
        (
            "routing_program",
            {"routing": "effective_load clock_us sub"},
            "g.routing: 'clock_us' is not among the features of this gene",
        ),
        ("routing_program", {"routing": ""}, "must leave exactly one value"),
        ("routing_program", {"routing": 7}, "g.routing must be a postfix formula"),
        ("routing_program", {"routing": "effective_load " + "neg " * 300}, "of at most 200 words"),
        ("routing_program", {"routing": "effective_load " + "sqrt log1p " * 20}, "at most 30 words and a depth of 6"),
        ("full", {"routing": {}}, "is required"),
        ("everything", {"admission": {"policy": "token-bucket"}}, "is required"),
    ],
)
def test_wrong_genomes_are_refused(name: str, genome: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        problem(name).check("g", genome)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"policy": "token-bucket"}, "key 'capacity_tokens' is required"),
        ({"policy": "always-admit", "capacity_tokens": 100}, "unknown key 'capacity_tokens'"),
        ({"policy": "token-bucket", "capacity_tokens": 1}, "capacity_tokens must be a finite number in"),
        ({"policy": "tier-shed", "threshold_requests": 1.5}, "threshold_requests must be an int"),
        ({"policy": "reject-all"}, "no choice named 'reject-all'"),
    ],
)
def test_wrong_answers_are_refused(value: object, message: str) -> None:
    gene = next(gene for gene in problem("everything").genes if gene.name == "admission")

    with pytest.raises(ConfigError, match=message):
        gene.check("g", value)


def test_digests_are_those_of_the_canonical_form() -> None:
    searched = problem("routing_weights")

    first = searched.digest({"routing": {"prefix-affinity": 3, "queue-depth": 2}})

    assert first == searched.digest({"routing": {"queue-depth": 4.0, "prefix-affinity": 6.0}})
    assert first != searched.digest({"routing": {"prefix-affinity": 2, "queue-depth": 3}})
    assert len(first) == 32


def test_frozen_limits_reach_the_phenotype() -> None:
    searched = Problem.from_mapping(
        "p", {"genes": {"scheduling": FCFS}, "frozen": {"cluster": {"step_token_budget": 512}}}
    )

    phenotype = searched.decode(searched.sample(stream(0, "test")))

    assert phenotype.limits == {"step_token_budget": 512}
    assert list(phenotype.policies) == [question for question in QUESTIONS if question not in OPTIONAL_QUESTIONS]
    assert searched.encode({"scheduling": "sjf"}, {"step_token_budget": 512}) == {"scheduling": {"policy": "sjf"}}
    assert searched.encode({"scheduling": "sjf"}, {"step_token_budget": 64}) is None
