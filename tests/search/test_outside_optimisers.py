"""Optimisers from outside: what they can search, what they do without their packages, and that they spend what others
spend.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from evolve.algorithms import cma_mae, tpe
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome, Score
from evolve.run import main
from tests.search.conftest import SMALL, planted_score, rounds, shares
from tests.search.synthetic import Listening, make_search

OUTSIDE = {"tpe": "optuna", "cmaes_optuna": "optuna", "cma_mae": "ribs"}
RULES = {
    "kind": "either",
    "ways": [
        {
            "kind": "answer",
            "policies": [
                "lmetric",
                {"policy": "preble", "parameters": {"most_load_ratio": {"low": 1, "high": 16, "scale": "log"}}},
            ],
        },
        {"kind": "weights", "scorers": ["prefix-affinity", "queue-depth"]},
    ],
}


def built(name: str, problem: Problem, draws: Draws, **changed: Any) -> Any:
    module, params = SMALL[name]
    read = module.Params.from_mapping("algorithm", {**params, **changed})
    return module.search(problem, read, draws, list(problem.seeds.values()))


def searched(**genes: Any) -> Problem:
    return Problem.from_mapping("problem", {"genes": genes})


def test_tpe_learns_a_choice_and_the_number_that_hangs_on_it(draws: Draws) -> None:
    """Worth is how near Preble's ratio is to 8; whatever is not Preble is worth little."""

    def score(genome: Genome) -> Score:
        policy = genome["routing"]["value"]
        ratio = policy.get("most_load_ratio") if genome["routing"]["way"] == 0 else None
        return Score((0.1 if ratio is None else 1.0 / (1.0 + abs(ratio - 8.0)),))

    asked = rounds(built("tpe", searched(routing=RULES), draws), 15, score)

    late = [score(genome).fitness for genome in asked[-36:]]
    assert max(late) > 0.8
    assert sum(worth > 0.1 for worth in late) > 24


@pytest.mark.parametrize(
    ("algorithm", "genes", "message"),
    [
        ("tpe", {"routing": {"kind": "program"}}, "tpe must have genes that are numbers and choices only; .* formula"),
        (
            "tpe",
            {"routing": {**RULES, "ways": [*RULES["ways"], {"kind": "program"}]}},
            "got the gene 'routing', which has a formula. Freeze it in the problem, or choose ga",
        ),
        ("cma_mae", {"routing": {"kind": "program"}}, "cma_mae must have genes that are numbers only; .* a formula"),
        ("cma_mae", {"routing": RULES}, "got the gene 'routing', which has choices"),
        ("cma_mae", {"scheduling": {"kind": "answer", "policies": ["fcfs", "sjf"]}}, "gene 'scheduling', which has ch"),
    ],
)
def test_genes_that_cannot_be_searched_are_named(
    draws: Draws, algorithm: str, genes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        built(algorithm, searched(**genes), draws)


@pytest.mark.parametrize("algorithm", OUTSIDE)
def test_without_the_package_there_is_one_line_that_names_the_extra(
    algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, OUTSIDE[algorithm], None)

    status = main([f"algorithm={algorithm}", "tracker=none", "suite=quick", "hydra.run.dir=run"])

    err = capsys.readouterr().err
    assert status == 2
    assert f"algorithm: '{algorithm}' needs the package {OUTSIDE[algorithm]}, see the extra 'optimisers'" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.parametrize("algorithm", OUTSIDE)
def test_the_budget_is_that_of_every_algorithm(problem: Problem, tmp_path: Path, algorithm: str) -> None:
    ladder = [{"num_requests": 100, "seeds": 1, "keep": 0.5}, {"seeds": 2}]
    spent = {}
    for name in (algorithm, "random"):
        search = make_search(problem, tmp_path / name, Listening(), name, ladder=ladder, evaluations=150)
        search.run()
        spent[name] = search.ledger.spending.evaluations

    # The last round has as many candidates as could be paid for if none of them were known: what is left is little.
    assert all(120 < count <= 150 for count in spent.values())


@pytest.mark.parametrize("algorithm", OUTSIDE)
def test_any_evaluator_gives_the_same_bytes(
    algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    common = ["suite=quick", "tracker=none", "report=false", "budget.generations=3", "finalists=3"]
    for evaluator in ("serial", "threads"):
        words = [f"algorithm={algorithm}", "algorithm.population=8", f"evaluator={evaluator}"]
        assert main([*common, *words, f"hydra.run.dir={evaluator}"]) == 0, capsys.readouterr().err

    for file in ("champion.yaml", "history.parquet", "summary.md"):
        assert (tmp_path / "serial" / file).read_bytes() == (tmp_path / "threads" / file).read_bytes()


def test_behaviours_are_spread_more_where_each_looks_for_its_own_best(problem: Problem) -> None:
    """With a threshold that follows at once what was found in a cell, other cells are worth more than the best one."""

    def spread(learning_rate: float) -> float:
        found = 0.0
        for seed in range(5):
            algorithm = built("cma_mae", problem, partial(stream, seed, "search"), learning_rate=learning_rate)
            found += sum(float(shares(genome)[0]) < 0.3 for genome in rounds(algorithm, 20)[-120:])
        return found

    assert spread(1.0) > 2 * spread(0.0)


def test_samples_are_those_of_all_emitters() -> None:
    params = SMALL["cma_mae"][1]

    with pytest.raises(ConfigError, match=r"algorithm\.population must be a multiple of emitters, whose samples it is"):
        cma_mae.Params.from_mapping("algorithm", {**params, "emitters": 2, "population": 13})
    with pytest.raises(ConfigError, match=r"algorithm.population must be an int in \[12, 10000\]; got 11"):
        cma_mae.Params.from_mapping("algorithm", {**params, "emitters": 3, "population": 11})


def test_a_search_whose_genomes_all_break_constraints_goes_on(problem: Problem, draws: Draws) -> None:
    def broken(genome: Genome) -> Score:
        return Score((1.0,), violation=1.0 + float(shares(genome)[0]))

    for name in OUTSIDE:
        asked = rounds(built(name, problem, draws), 12, broken)
        assert min(float(shares(genome)[0]) for genome in asked[-24:]) < 0.2


def test_figures_make_a_score_neither_better_nor_worse(problem: Problem) -> None:
    genome = next(iter(problem.seeds.values()))
    score = planted_score(genome)

    assert score.figures
    assert score == Score(score.objectives)


@pytest.mark.parametrize(("module", "key", "value"), [(tpe, "candidates", 0), (cma_mae, "learning_rate", 1.5)])
def test_values_out_of_range_are_refused(module: Any, key: str, value: float) -> None:
    name = module.__name__.rpartition(".")[2]

    with pytest.raises(ConfigError, match=f"algorithm.{key} must be"):
        module.Params.from_mapping("algorithm", {**SMALL[name][1], key: value})


@pytest.mark.parametrize("algorithm", OUTSIDE)
def test_a_round_is_not_the_same_genome_over_and_over(
    made: Callable[[str], Any], problem: Problem, algorithm: str
) -> None:
    search = made(algorithm)
    rounds(search, 5)

    asked = {problem.digest(proposal.genome) for proposal in search.ask()}
    assert len(asked) > 6
