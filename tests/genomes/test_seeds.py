"""Known policies are genomes, exactly: what they decode to does the same in every simulation, to the last bit."""

from typing import Any

import pytest

from blis.policies.binding import DEFAULT_POLICIES
from evolve.problem import Problem
from evolve.records import Phenotype
from tests.genomes.problems import SHIPPED, problem
from tests.genomes.simulated import bytes_of, outcomes, simulated


def weighted(**weights: float) -> dict[str, Any]:
    return {"policy": "weighted", "scorers": {name.replace("_", "-"): weight for name, weight in weights.items()}}


LLM_D = weighted(prefix_affinity=3, queue_depth=2, kv_utilization=2)
VLLM_DP = {"policy": "weighted", "scorers": {"vllm-dp": 1.0}}

#: Problem -> seed -> the policies as an engineer would write them.
KNOWN: dict[str, dict[str, dict[str, Any]]] = {
    "routing_weights": {
        "llm-d-3-2-2": {"routing": "weighted"},
        "llm-d-precise": {
            "routing": weighted(precise_prefix_cache=3, queue_depth=2, kv_utilization=2, no_hit_lru=2)
        },
        "llm-d-older": {"routing": weighted(prefix_affinity=3, queue_depth=2, kv_utilization=2, no_hit_lru=2)},
        "least-loaded": {"routing": "least-loaded"},
        "vllm-dp": {"routing": VLLM_DP},
        "predicted-latency": {"routing": weighted(predicted_latency=1)},
    },
    "routing_program": {
        "round-robin": {"routing": "round-robin"},
        "least-loaded": {"routing": "least-loaded"},
        "lmetric": {"routing": "lmetric"},
        "shortest-expected-work": {"routing": "shortest-expected-work"},
        "vllm-dp-as-formula": {"routing": VLLM_DP},
        "llm-d-3-2-2-as-formula": {"routing": LLM_D},
    },
    "routing": {
        "llm-d-3-2-2": {"routing": "weighted"},
        "preble": {"routing": "preble"},
        "dynamo-kv": {"routing": "dynamo-kv"},
        "llm-d-guide": {"routing": "sticky-until-saturated"},
        "work-with-memory": {"routing": {"policy": "shortest-expected-work", "tokens_of_full_memory": 8000}},
    },
    "priority_scheduler": {
        "fcfs": {"routing": LLM_D},
        "sjf": {"routing": LLM_D, "scheduling": "sjf"},
        "slo-class": {"routing": LLM_D, "priority": "slo-class", "scheduling": "priority-fcfs"},
        "slo-based": {"routing": LLM_D, "priority": "slo-based", "scheduling": "priority-fcfs"},
        "linear": {"routing": LLM_D, "priority": "linear", "scheduling": "priority-fcfs"},
        "edf": {"routing": LLM_D, "priority": "edf", "scheduling": "priority-fcfs"},
        "slack-gives-up": {
            "routing": LLM_D, "priority": {"policy": "slack", "gives_up": 1}, "scheduling": "priority-fcfs",
        },
        "predicted-sjf": {"routing": LLM_D, "scheduling": "predicted-sjf"},
        "vtc": {"routing": LLM_D, "scheduling": "vtc"},
        "mlfq": {"routing": LLM_D, "scheduling": "mlfq"},
    },
    "eviction": {
        "lru": {"routing": LLM_D},
        "arc": {"routing": LLM_D, "eviction": "arc"},
        "two-queue": {"routing": LLM_D, "eviction": "two-queue"},
        "lfu": {"routing": LLM_D, "eviction": "lfu"},
        "tiny-lfu": {"routing": LLM_D, "eviction": "tiny-lfu"},
    },
    "full": {
        "llm-d-3-2-2": {"routing": LLM_D},
        "least-loaded": {"routing": "least-loaded"},
        "llm-d-guide": {"routing": "sticky-until-saturated"},
        "preble-sjf": {"routing": "preble", "scheduling": "sjf"},
        "llm-d-sjf": {"routing": LLM_D, "scheduling": "sjf"},
        "llm-d-slo-class": {
            "routing": LLM_D, "priority": "slo-class", "scheduling": "priority-fcfs", "preemption": "lowest-priority",
        },
        "preble-edf": {
            "routing": "preble", "priority": "edf", "scheduling": "priority-fcfs", "preemption": "lowest-priority",
        },
        "llm-d-tier-shed": {"routing": LLM_D, "admission": "tier-shed"},
        "llm-d-saturation-shed": {"routing": LLM_D, "admission": "saturation-shed"},
        "llm-d-probabilistic": {"routing": LLM_D, "admission": "probabilistic"},
    },
}  # fmt: skip
CASES = [(name, seed) for name, seeds in KNOWN.items() for seed in seeds]


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_a_known_policy_is_a_seed_that_does_the_same(name: str, seed: str) -> None:
    searched = problem(name)

    decoded = searched.decode(searched.seeds[seed])

    assert simulated(decoded) == simulated(Phenotype({**DEFAULT_POLICIES, **KNOWN[name][seed]}))


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_a_known_policy_encodes_to_a_genome_that_does_the_same(name: str, seed: str) -> None:
    searched, policies = problem(name), KNOWN[name][seed]
    if name == "routing_program" and seed.endswith("-as-formula"):
        assert searched.encode(policies) is None  # a scorer is no formula, though one does what it does
        return

    genome = searched.encode(policies)

    assert genome is not None
    assert simulated(searched.decode(genome)) == simulated(Phenotype({**DEFAULT_POLICIES, **policies}))


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        ("routing_weights", []),
        ("routing_program", []),
        # The few milliseconds that requests differ in age weigh less than a unit of urgency.
        ("priority_scheduler", [["slo-class", "linear"]]),
        ("routing", []),
        # Without sessions all blocks live equally long; and every use leaves a young block behind an old prefix, which
        # waits for it.
        ("eviction", [["lru", "fifo", "ttl"]]),
        ("full", []),
    ],
)
def test_the_simulations_tell_the_seeds_apart(name: str, alike: list[list[str]]) -> None:
    searched = problem(name)
    groups: dict[tuple[bytes, ...], list[str]] = {}
    for seed, genome in searched.seeds.items():
        groups.setdefault(tuple(simulated(searched.decode(genome))), []).append(seed)

    assert [group for group in groups.values() if len(group) > 1] == alike


def test_memory_is_tight_enough_for_preemptions() -> None:
    results = outcomes(Phenotype(DEFAULT_POLICIES))

    assert results[1].instances.preemptions.sum() > 0
    assert bytes_of(results) == bytes_of(outcomes(Phenotype(DEFAULT_POLICIES)))


@pytest.mark.parametrize("name", SHIPPED)
def test_seeds_are_genomes_in_canonical_form(name: str) -> None:
    searched = problem(name)

    for genome in searched.seeds.values():
        assert searched.canonical(genome) == genome
        assert searched.check("genome", genome) == genome


def test_formulas_spell_out_the_policies_of_priority() -> None:
    mapping = {
        "genes": {"priority": {"kind": "program", "features": ["age_us", "urgency"]}},
        "frozen": {"scheduling": "priority-fcfs", "preemption": "lowest-priority"},
    }
    searched = Problem.from_mapping("problem", mapping)
    for name, formula in {
        "constant": "0",
        "slo-based": "age_us",
        "inverted-slo": "age_us neg",
        "slo-class": "urgency",
    }.items():
        frozen = {"scheduling": "priority-fcfs", "preemption": "lowest-priority"}
        genome = searched.encode({**frozen, "priority": name})

        assert genome == {"priority": formula}
        assert simulated(searched.decode(genome)) == simulated(
            Phenotype({**DEFAULT_POLICIES, **frozen, "priority": name})
        )


def test_what_cannot_be_expressed_exactly_has_no_genome() -> None:
    weights = problem("routing_weights")

    assert weights.encode({"routing": "round-robin"}) is None
    assert weights.encode({"routing": weighted(queue_depth=1, prefix_affinity=1)}) is None  # summed in another order
    assert weights.encode({"routing": weighted(prefix_affinity=1, queue_depth=1e-5)}) is None
    assert weights.encode({"routing": weighted(prefix_affinity=0.123456, queue_depth=0.4)}) is None
    assert weights.encode({"routing": "least-loaded", "scheduling": "sjf"}) is None
    assert weights.encode({"routing": "least-loaded"}, {"step_token_budget": 512}) is None
    assert problem("full").encode({"admission": {"policy": "token-bucket", "capacity_tokens": 1}}) is None
    assert problem("everything").encode({"priority": "linear"}, {}) is None
