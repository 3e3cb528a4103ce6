"""Known policies with numbers of their own choosing: which are searched, where, and from where."""

from typing import Any

import pytest

from blis.foundation.answers import choices
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.randomness import stream
from blis.foundation.strict_yaml import read_yaml
from evolve.genomes.tuned import tuned_genes
from evolve.judging.baselines import read_baselines
from evolve.problem import Problem


def tuned(**policies: Any) -> Problem:
    return Problem.from_mapping("problem", {"tuned": policies})


def test_numbers_are_searched_around_what_was_published() -> None:
    (gene,) = tuned(routing="preble").genes
    (option,) = gene.options.values()  # type: ignore[attr-defined]

    # Published are 200 tokens and a ratio of 2; bounds that say no more than what is possible give way to a hundredth
    # and a hundred times of that, on a logarithmic scale.
    found = {name: (one.low, one.high, one.is_log) for name, one in option.free.items()}
    assert found == {"tokens_per_request": (2.0, 20_000.0, True), "most_load_ratio": (1.0, 200.0, True)}


def test_bounds_that_are_sensible_are_kept_and_whole_numbers_stay_whole() -> None:
    (credit,) = tuned(routing="dynamo-kv").genes
    (choices_of_k,) = tuned(routing="power-of-k").genes

    share = credit.options["dynamo-kv"].free["overlap_score_credit"]  # type: ignore[attr-defined]
    count = choices_of_k.options["power-of-k"].free["choices"]  # type: ignore[attr-defined]
    assert (share.low, share.high, share.is_log) == (0.0, 1.0, False)
    assert (count.low, count.high, count.is_whole) == (1.0, 200.0, True)


def test_weights_are_searched_as_ratios_of_the_scorers_that_were_published() -> None:
    scorers = [{"name": "prefix-affinity", "weight": 3}, {"name": "queue-depth", "weight": 2}]
    problem = tuned(routing={"policy": "weighted", "scorers": scorers})

    assert problem.genes[0].scorers == ("prefix-affinity", "queue-depth")  # type: ignore[attr-defined]
    assert problem.seeds == {"published": {"routing": {"prefix-affinity": 3, "queue-depth": 2}}}


def test_a_policy_without_numbers_beside_one_with_numbers_stays_as_it_is() -> None:
    problem = tuned(routing="preble", scheduling="sjf")

    assert [gene.name for gene in problem.genes] == ["routing"]
    assert problem.frozen.policies["scheduling"] == {"policy": "sjf"}
    assert problem.decode(problem.seeds["published"]).policies["scheduling"] == {"policy": "sjf"}


def test_a_range_that_is_given_is_searched() -> None:
    given = {"policy": "shortest-expected-work", "tokens_of_full_memory": {"low": 0, "high": 5000}}
    problem = tuned(routing=given)

    low_high = problem.genes[0].options["shortest-expected-work"].free["tokens_of_full_memory"]  # type: ignore[attr-defined]
    assert (low_high.low, low_high.high) == (0.0, 5000.0)
    assert problem.seeds["published"]["routing"]["tokens_of_full_memory"] == 0.0


def test_every_sample_is_the_same_policy_with_other_numbers() -> None:
    problem, random = tuned(routing="cache-aware"), stream(1, "test")

    policies = [problem.decode(problem.sample(random)).policies["routing"] for _ in range(20)]
    assert {one["policy"] for one in policies} == {"cache-aware"}
    assert len({tuple(one.items()) for one in policies}) == 20


def test_the_published_policy_is_a_baseline_once() -> None:
    problem = tuned(routing="preble")

    assert "published" not in read_baselines("baselines", {"preble": {"routing": "preble"}}, problem)
    assert "published" in read_baselines("baselines", {"lmetric": {"routing": "lmetric"}}, problem)


@pytest.mark.parametrize("name", choices("routing"))
def test_every_shipped_router_has_numbers_to_tune_or_says_why_not(name: str) -> None:
    def described() -> str:
        try:
            return str(list(tuned_genes("tuned", {"routing": name})[0]))
        except ConfigError as error:
            return str(error)

    assert any(words in described() for words in ("['routing']", f"{name} has none", "must be given as {low"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "problem.tuned must name a policy for one of admission, routing"),
        ({"routing": None}, "all are null"),
        ({"routing": "lmetric"}, "must name a policy that has numbers to tune; lmetric has none"),
        ({"routing": "prebel"}, "problem.tuned.routing: no choice named 'prebel'; did you mean 'preble'"),
        ({"router": "preble"}, "problem.tuned: unknown key 'router'"),
        ({"routing": {"policy": "preble", "ratio": 3}}, "problem.tuned.routing: unknown key 'ratio'"),
        ({"routing": {"policy": "preble", "ratio": {"low": 1}}}, "problem.tuned.routing: unknown key 'ratio'"),
        ({"routing": {"policy": "preble", "most_load_ratio": {"hi": 3}}}, "most_load_ratio: unknown key 'hi'"),
        (
            {"routing": "shortest-expected-work"},
            "tokens_of_full_memory must be given as {low: ..., high: ...}: it may be 0 to 1e",
        ),
    ],
)
def test_what_cannot_be_tuned_is_said(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        Problem.from_mapping("problem", {"tuned": given})

    assert message in str(error.value)


def test_genes_and_tuned_exclude_each_other() -> None:
    genes = {"scheduling": {"kind": "answer", "policies": ["fcfs", "sjf"]}}

    with pytest.raises(ConfigError, match="problem must have either genes or tuned; got both"):
        Problem.from_mapping("problem", {"genes": genes, "tuned": {"routing": "preble"}})
    with pytest.raises(ConfigError, match=r"'scheduling' is answered by problem\.tuned; name it once"):
        Problem.from_mapping(
            "problem", {"tuned": {"routing": "preble", "scheduling": "sjf"}, "frozen": {"scheduling": "fcfs"}}
        )


def test_the_shipped_file_names_nobody() -> None:
    document = read_yaml(conf_folder() / "problem" / "tuned.yaml")

    with pytest.raises(ConfigError, match="all are null"):
        Problem.from_mapping("problem", document)
