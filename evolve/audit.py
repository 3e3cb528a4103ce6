"""The command `python -m evolve.audit`: in which scenarios does policy matter?

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blis.command.composition import command, python_is_allowed
from blis.command.overrides import members_quoted
from blis.command.terminating import interruptible
from blis.foundation.checks import check_choice, check_flag, check_int, check_keys
from blis.foundation.errors import BlisError, ConfigError

OUTPUTS = ("text", "json")
_KEYS = (
    *("suite", "scenario", "baselines", "sensible", "pathological", "random", "seed", "seeds", "num_requests"),
    *("objectives", "criterion", "evaluator", "allow_python", "output"),
)


class NothingMattersError(BlisError, RuntimeError):
    """All policies do equally well in a scenario, so that it cannot tell candidates apart."""


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status.

    It is 1 if there is a scenario where nothing matters.
    """
    return command("audit", [_translated(one) for one in (sys.argv[1:] if arguments is None else arguments)], _run)


def _translated(argument: str) -> str:
    """`scenario=NAME` as Hydra needs it, which takes it for a choice among the files of conf/scenario otherwise."""
    key, is_assignment, value = argument.partition("=")
    return f"++scenario.name={members_quoted(value)}" if key == "scenario" and is_assignment else argument


@dataclass(frozen=True, slots=True)
class Settings:
    """What an audit is told to do."""

    suite: Any  #: `evolve.trials.suite.Suite`
    scenarios: tuple[Any, ...]  #: those of it that are looked at
    contenders: tuple[Any, ...]  #: `evolve.judging.headroom.Contender`
    rules: Any  #: `evolve.judging.scoring.Rules`
    criterion: Any  #: `evolve.judging.headroom.Criterion`
    seeds: tuple[int, ...]
    num_requests: int | None  #: at most so many of each scenario; None: as many as the suite says
    evaluator: Mapping[str, Any] | str
    output: str  #: text or json

    @classmethod
    def from_mapping(cls, mapping: object, allow_python: bool = False) -> "Settings":
        """The settings in a composed configuration, as plain data, which cannot allow Python callables itself.

        Raises
        ------
        ConfigError
            If a key is absent or unknown, or a value wrong.
        """
        from evolve.judging.baselines import read_baselines, with_bundles
        from evolve.judging.goals import Goals
        from evolve.judging.headroom import Criterion, contenders
        from evolve.judging.scoring import Rules
        from evolve.trials.suite import ROLES, Suite, check_seeds

        given = check_keys("audit", mapping, _KEYS, _KEYS)
        suite = Suite.from_mapping("suite", given["suite"])
        roles: Sequence[str] = ROLES
        names = check_keys("scenario", given["scenario"], ("name",)).get("name")
        if names is not None:
            suite, _ = suite.with_train("scenario", names)
            roles = ("train",)
        rules = Rules(Goals.from_config("objectives", given["objectives"]), constraints=())
        if len(rules.goals.groups) != 1:
            raise ConfigError(
                "objectives must be one mapping of objectives to weights, by which policies are compared."
            )
        everybody = contenders(
            read_baselines("baselines", with_bundles("baselines", given["baselines"]), allow_python=allow_python),
            given["sensible"],
            given["pathological"],
            check_int("random", given["random"], 0, 10_000),
            check_int("seed", given["seed"], 0),
        )
        check_flag("allow_python", given["allow_python"])
        num_requests = given["num_requests"]
        return cls(
            suite=suite,
            scenarios=tuple(one for role in roles for one in suite.scenarios[role]),
            contenders=tuple(everybody),
            rules=rules,
            criterion=Criterion.from_mapping("criterion", given["criterion"]),
            seeds=check_seeds("seeds", given["seeds"]),
            num_requests=None if num_requests is None else check_int("num_requests", num_requests, 1),
            evaluator=given["evaluator"],
            output=check_choice("output", given["output"], OUTPUTS),
        )


def _run(config: Any) -> None:
    """One audit of a composed configuration; called by Hydra, once per job."""
    from blis.output.printing import json_text

    settings = Settings.from_mapping(config, python_is_allowed())
    found = audit(settings)
    if settings.output == "json":
        sys.stdout.write(json_text({"scenarios": [one.to_mapping() for one in found]}))
    else:
        _print_text(found)
    refused = [one for one in found if one.reasons]
    if refused:
        words = "; ".join(f"{one.scenario} ({', '.join(one.reasons)})" for one in refused)
        raise NothingMattersError(f"policy does not matter in {words}.")


def audit(settings: Settings) -> list[Any]:
    """The `Headroom` of each scenario."""
    from evolve.evaluators.opening import open_evaluator
    from evolve.judging.headroom import headroom
    from evolve.records import Task
    from evolve.trials.families import own_seed
    from evolve.trials.workloads import WorkloadKey, Workloads, task_digest

    workloads = Workloads(settings.suite)
    evaluator = open_evaluator("evaluator", settings.evaluator, workloads)
    found = []
    try:
        for scenario in settings.scenarios:
            keys = [
                WorkloadKey(scenario.name, own_seed(scenario, seed), scenario.requests_at(settings.num_requests))
                for seed in settings.seeds
            ]
            tasks = []
            for contender in settings.contenders:
                one = contender.phenotype
                for key in keys:
                    digest = task_digest(one.policies, one.limits, workloads.digest(key))
                    tasks.append(Task(one, key.scenario, key.seed, key.num_requests, digest))
            records = evaluator.evaluate(tasks, lambda count: None)
            rows = [records[at : at + len(keys)] for at in range(0, len(records), len(keys))]
            found.append(headroom(scenario.name, settings.rules, settings.criterion, settings.contenders, rows))
    finally:
        evaluator.close()
    return found


def _print_text(found: Sequence[Any]) -> None:
    """One line for each scenario: values relative to the best sensible policy there."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from evolve.judging.headroom import BASELINE, CHOSEN, PATHOLOGICAL, RANDOM, SIGNAL

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="times better than the best sensible policy")
    table.add_column("scenario", no_wrap=True)
    for heading in ("baselines", "random", "sabotage", "spread", "matters"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("best signal", "best sensible"):
        table.add_column(heading, no_wrap=True)
    for one in found:
        baselines = one.of_kind(BASELINE)
        (signal, *_), random = one.of_kind(SIGNAL), one.of_kind(RANDOM)
        noise = "seeds alike" if one.standard_error is None else f"± {one.standard_error:.0%}"
        table.add_row(
            one.scenario,
            f"{baselines[-1].value:.2f} to {baselines[0].value:.2f}",
            f"{random[-1].value:.2f} to {random[0].value:.2f}" if random else "-",
            f"{one.of_kind(PATHOLOGICAL)[-1].value:.2f}",
            f"{one.spread:.0%} {noise}",
            "no" if one.reasons else "yes",
            f"{signal.value:.2f} {signal.name}",
            one.of_kind(*CHOSEN)[0].name,
        )
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
