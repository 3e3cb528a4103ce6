"""Equal signatures mean equal results; what differs in anything that matters has another signature."""

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from blis.foundation.answers import QUESTIONS, choices
from blis.foundation.errors import StalledError
from blis.foundation.randomness import stream
from blis.policies.binding import DEFAULT_POLICIES
from evolve.genomes.phenotype import signature
from evolve.genomes.situations import situations
from evolve.records import Phenotype
from tests.genomes.problems import problem
from tests.genomes.simulated import simulated


def phenotype(**policies: Any) -> Phenotype:
    return Phenotype({**DEFAULT_POLICIES, **policies})


def formula(text: str) -> dict[str, str]:
    return {"policy": "program", "formula": text}


EQUAL = {
    "double inversion": (
        {"priority": "inverted-slo", "scheduling": "reverse-priority"},
        {"priority": "slo-based", "scheduling": "priority-fcfs"},
    ),
    "age is first come, first served": (
        {"priority": "slo-based", "scheduling": "priority-fcfs"},
        {"priority": "constant", "scheduling": "priority-fcfs"},
    ),
    "constant either way": (
        {"priority": "constant", "scheduling": "reverse-priority"},
        {"priority": "constant", "scheduling": "priority-fcfs"},
    ),
    "nobody asks for priorities": ({"priority": "slo-class"}, {"priority": "linear"}),
    "nor does shortest job first": (
        {"priority": "inverted-slo", "scheduling": "sjf"},
        {"priority": "constant", "scheduling": "sjf"},
    ),
    "no formula at all": (
        {"priority": formula("0"), "scheduling": "priority-fcfs"},
        {"priority": "constant", "scheduling": "priority-fcfs"},
    ),
    "of equal priorities the last arrival gives way, as by age": (
        {"priority": "constant", "preemption": "lowest-priority"},
        {"priority": "slo-based", "preemption": "lowest-priority"},
    ),
    "twice the same": (
        {"routing": formula("queued_tokens neg queued_tokens queued_tokens max sub")},
        {"routing": formula("queued_tokens neg")},
    ),
    "the same for all instances": (
        {"routing": formula("effective_load neg least_load add")},
        {"routing": formula("effective_load neg")},
    ),
    "defaults written out": (
        {"routing": {"policy": "weighted", "scorers": "prefix-affinity:6,queue-depth:4,kv-utilization:4"}},
        {"routing": "weighted"},
    ),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_behaviour_has_one_signature(name: str) -> None:
    one, other = (phenotype(**policies) for policies in EQUAL[name])

    assert signature(one) == signature(other)
    assert simulated(one) == simulated(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # First come is by arrival for priorities, and by the time of queueing, which long prompts delay, for fcfs.
        ({"priority": "slo-based", "scheduling": "priority-fcfs"}, {"scheduling": "fcfs"}),
        (
            {"priority": "inverted-slo", "scheduling": "priority-fcfs"},
            {"priority": "slo-based", "scheduling": "priority-fcfs"},
        ),
        ({"priority": "slo-class", "preemption": "lowest-priority"}, {"priority": "slo-class"}),
        (
            {"priority": "slo-class", "preemption": "lowest-priority"},
            {"priority": "linear", "preemption": "lowest-priority"},
        ),
        ({"routing": "round-robin"}, {"routing": "least-loaded"}),
        (
            {"routing": formula("used_share 0.91 less queued_requests 0 if")},
            {"routing": formula("used_share 0.92 less queued_requests 0 if")},
        ),
        ({"routing": formula("effective_load neg")}, {"routing": formula("effective_load")}),
        # Alike but for rounding, which may break ties.
        ({"routing": formula("queued_tokens sqrt")}, {"routing": formula("queued_tokens")}),
        (
            {"routing": formula("effective_load neg")},
            {"routing": formula("effective_load neg cached_share 0.01 mul add")},
        ),
        ({"routing": formula("queued_tokens uncached_tokens add neg")}, {"routing": formula("queued_tokens neg")}),
        ({"admission": "always-admit"}, {"admission": "token-bucket"}),
        ({"admission": "token-bucket"}, {"admission": {"policy": "token-bucket", "capacity_tokens": 20_000}}),
    ],
)
def test_other_behaviour_has_another_signature(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert signature(phenotype(**one)) != signature(phenotype(**other))


@pytest.mark.parametrize("question", sorted({*QUESTIONS} - {"priority", "scheduling", "preemption"}))
def test_every_question_is_part_of_the_signature(question: str) -> None:
    answers = [name for name in choices(question) if name != DEFAULT_POLICIES[question]]

    assert signature(phenotype(**{question: answers[0]})) != signature(phenotype())


def test_limits_are_part_of_the_signature() -> None:
    assert signature(Phenotype(DEFAULT_POLICIES, {"step_token_budget": 64})) != signature(Phenotype(DEFAULT_POLICIES))


def test_python_callables_are_known_by_name() -> None:
    one = phenotype(routing="mine:route")
    other = replace(phenotype(routing="blis.policies.routing.least_loaded:route"), allows_python=True)
    with pytest.raises(ValueError, match="mine"):
        signature(one)

    assert signature(other) != signature(phenotype(routing="least-loaded"))
    assert signature(other) == signature(other)


@pytest.mark.parametrize("name", ["everything", "orders", "routing_program"])
def test_merged_genomes_have_equal_results(name: str) -> None:
    searched, random = problem(name), stream(11, "test")
    groups: dict[str, dict[str, Phenotype]] = defaultdict(dict)
    genomes = [searched.sample(random) for _ in range(40)]
    for _ in range(250):
        one, other = random.integers(len(genomes), size=2)
        first, second = searched.mate(genomes[one], genomes[other], random)
        genomes[one], genomes[other] = searched.mutate(first, random), second
        for genome in (genomes[one], genomes[other]):
            found = searched.decode(genome)
            found = Phenotype(found.policies)  # the small clusters keep their own limits
            groups[signature(found)][searched.digest(genome)] = found
    merged = [list(group.values()) for group in groups.values() if len(group) > 1]

    assert len(merged) >= 3
    for group in merged:
        results = [_result(found) for found in group[:4]]
        assert all(result == results[0] for result in results)


def _result(found: Phenotype) -> list[bytes] | str:
    try:
        return simulated(found)
    except StalledError:
        return "stalled"


def test_situations_are_read_only_and_varied() -> None:
    known = situations()

    for part in known:
        assert not part.flags.writeable
        assert (part >= -1).all()
    spread = known.signals.max(axis=2) - known.signals.min(axis=2)
    assert ((spread == 0).mean(axis=0) < 0.7).all()
    assert (known.waiting[:, :, 0] <= known.queue[:, :1]).all()


def test_who_evicts_otherwise_decides_otherwise() -> None:
    searched = problem("eviction")
    aged = searched.decode({"eviction": {"policy": "lfu", "ageing": 0.5}})

    signatures = {signature(searched.decode(seed)) for seed in searched.seeds.values()} | {signature(aged)}

    assert len(signatures) == len(searched.seeds) + 1
