"""Typed settings of a search, from plain data: the composed configuration, or the one that a run folder keeps."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from blis.fitness.constraints import read_constraints
from blis.foundation.checks import check_choice, check_flag, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from evolve.judging.baselines import read_baselines, with_bundles
from evolve.judging.fitness import Rules
from evolve.judging.goals import DEFAULT_OBJECTIVES, Goals
from evolve.plan import Labels
from evolve.plan.budget import Budget
from evolve.plan.ladder import Ladder
from evolve.problem import Problem
from evolve.records import Phenotype
from evolve.trials.suite import Suite, read_suite

#: Name in a configuration -> the module of `evolve.algorithms`, and how many objectives it is made for.
ALGORITHMS: Mapping[str, tuple[str, frozenset[str]]] = {
    "random": ("random_search", frozenset({"one", "several"})),
    "ga": ("ga", frozenset({"one"})),
    "gp": ("gp", frozenset({"one"})),
    "cmaes": ("cmaes", frozenset({"one"})),
    "nsga2": ("nsga2", frozenset({"several"})),
    "islands": ("islands", frozenset({"one", "several"})),
    "policy_iteration": ("policy_iteration", frozenset({"one"})),
    "tpe": ("tpe", frozenset({"one"})),
    "cmaes_optuna": ("cmaes_optuna", frozenset({"one"})),
    "cma_mae": ("cma_mae", frozenset({"one"})),
    "openevolve": ("from_openevolve", frozenset({"one"})),
    "gepa": ("from_gepa", frozenset({"one"})),
    "skydiscover": ("from_skydiscover", frozenset({"one"})),
    "script": ("from_script", frozenset({"one"})),
}

#: Keys that say what is searched and how: a search that goes on keeps them.
SEARCH_KEYS = (
    *("names", "problem", "algorithm", "suite", "scenario", "baselines", "objectives", "constraints", "penalty"),
    *("ladder", "finalists", "budget", "seed"),
)
#: Keys that change no result.
OTHER_KEYS = ("evaluator", "tracker", "report", "resume", "allow_python")


@dataclass(frozen=True, slots=True)
class Settings:
    """What one search is told to do."""

    labels: Labels
    problem: Problem
    algorithm: ModuleType
    params: Any  #: the algorithm's `Params`
    suite: Suite
    baselines: Mapping[str, Phenotype]
    rules: Rules
    ladder: Ladder
    budget: Budget
    finalists: int
    seed: int
    evaluator: Any  #: see `evolve.evaluators.opening`
    tracker: Any  #: see `evolve.trackers.opening`
    report: bool  #: whether evidence on the champion is gathered at the end
    document: Mapping[str, Any]  #: all of it as plain data
    notes: tuple[str, ...]  #: what people should know

    @classmethod
    def from_mapping(cls, document: Mapping[str, Any], allow_python: bool = False) -> "Settings":
        """The settings in plain data.

        Parameters
        ----------
        document : mapping
        allow_python : bool
            Whether a baseline may be a Python callable; the document cannot allow it.

        Raises
        ------
        ConfigError
            If a key is unknown or absent or a value wrong, at any level, or parts do not fit each other.
        """
        required = tuple(key for key in SEARCH_KEYS if key not in ("scenario", "objectives", "constraints"))
        given = check_keys(
            "search", document, (*SEARCH_KEYS, *OTHER_KEYS), (*required, "evaluator", "tracker", "report")
        )
        problem = Problem.from_mapping("problem", given["problem"])
        suite, notes = read_suite(
            given["suite"], check_keys("scenario", given.get("scenario") or {}, ("names",)).get("names")
        )
        objectives = DEFAULT_OBJECTIVES if given.get("objectives") is None else given["objectives"]
        goals = Goals.from_config("objectives", objectives)
        name, module, params = _algorithm(given["algorithm"], goals)
        ladder = Ladder.from_list("ladder", given["ladder"])
        if ladder.top.seeds > len(suite.seeds["train"]):
            raise ConfigError(
                f"ladder: seeds must be at most the {len(suite.seeds['train'])} of suite.train; got {ladder.top.seeds}."
            )
        budget = Budget.from_mapping("budget", given["budget"])
        _check_budget(budget, ladder, suite)
        names = check_keys("names", given["names"], ("problem", "suite"), ("problem", "suite"))
        baselines = with_bundles("baselines", given["baselines"])
        check_flag("allow_python", given.get("allow_python", False))
        seed = check_int("seed", given["seed"], 0)
        return cls(
            labels=Labels(str(names["problem"]), name, str(names["suite"]), seed),
            problem=problem,
            algorithm=module,
            params=params,
            suite=suite,
            baselines=read_baselines("baselines", baselines, problem, allow_python),
            rules=Rules(
                goals,
                read_constraints("constraints", given.get("constraints")),
                check_number("penalty", given["penalty"], 0, 1),
            ),
            ladder=ladder,
            budget=budget,
            finalists=check_int("finalists", given["finalists"], 1),
            seed=seed,
            evaluator=given["evaluator"],
            tracker=given["tracker"],
            report=check_flag("report", given["report"]),
            document={**document, "objectives": objectives, "baselines": baselines},
            notes=notes,
        )


def resumed(stored: Mapping[str, Any], given: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The configuration of a search that goes on: the stored one, run where and told to whom the command line says.

    Parameters
    ----------
    stored : mapping
        What the run folder keeps.
    given : mapping
        What the command line composed.
    overrides : sequence of str
        What the command line set itself.

    Raises
    ------
    ConfigError
        If the command line sets something that would change the results.
    """
    explicit = {override.lstrip("+~").partition("=")[0].partition("@")[0].partition(".")[0] for override in overrides}
    changing = sorted(explicit - set(OTHER_KEYS))
    if changing:
        raise ConfigError(
            f"resume goes on with the stored configuration: {', '.join(changing)} must not be given with it. "
            f"Choices: {', '.join(OTHER_KEYS)}."
        )
    kept: dict[str, Any] = {key: given[key] for key in ("evaluator", "tracker", "report") if key in explicit}
    return {**stored, **kept}


def _check_budget(budget: Budget, ladder: Ladder, suite: Suite) -> None:
    """Refuse a budget that does not pay for a single candidate."""
    cost = ladder.cost(1, suite.scenarios["train"])
    for name, limit, least in (
        ("evaluations", budget.evaluations, cost.evaluations),
        ("requests", budget.requests, cost.requests),
    ):
        if limit is not None and limit < least:
            raise ConfigError(
                f"budget.{name} must be ≥ {least}, what one candidate takes on all rungs of the ladder; got {limit}."
            )


def _algorithm(node: object, goals: Goals) -> tuple[str, ModuleType, Any]:
    """Name, module and parameters of the algorithm, which must be made for as many objectives as there are."""
    if not isinstance(node, Mapping):
        raise ConfigError(f"algorithm must be a mapping with the key 'name'; got {node!r}.")
    rest = {str(key): value for key, value in node.items() if key != "name"}
    name = check_choice("algorithm.name", node.get("name"), ALGORITHMS)
    module = importlib.import_module(f"evolve.algorithms.{ALGORITHMS[name][0]}")
    params = module.Params.from_mapping("algorithm", rest)
    kind = "one" if len(goals.groups) == 1 else "several"
    of_whom = params.inner if name == "islands" else name
    if kind not in ALGORITHMS[of_whom][1]:
        fitting = [other for other, (_, kinds) in ALGORITHMS.items() if kind in kinds]
        raise ConfigError(
            f"algorithm: {of_whom} does not search for {kind} objective{'s' * (kind == 'several')}; objectives has "
            f"{len(goals.groups)}. Choices: {', '.join(fitting)}."
        )
    return name, module, params
