"""The known policies that a search must beat."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blis.foundation.answers import QUESTIONS
from blis.foundation.checks import check_keys
from blis.foundation.errors import ConfigError
from blis.policies.binding import DEFAULT_POLICIES, bind, bind_all, without_unasked
from blis.policies.bundle import check_limits, complete_policy, read_bundle
from evolve.genomes.foresight import refuse_foresight
from evolve.problem import Problem
from evolve.records import Genome, Phenotype


def read_baselines(
    where: str, mapping: object, problem: Problem | None = None, allow_python: bool = False
) -> dict[str, Phenotype]:
    """The baselines of a configuration as they are written there, then those that the problem itself knows.

    Parameters
    ----------
    where : str
        Path of the mapping, for messages.
    mapping : mapping
        Name -> policies, see `read_policies`.
    problem : Problem, optional
        What it freezes answers the questions that a baseline leaves out.
    allow_python : bool
        Whether a policy may be a Python callable, see `blis.policies.binding.bind`.

    Raises
    ------
    ConfigError
        If there is none, a policy, parameter or limit is wrong, two baselines are the same, one is called like another
        policy that the problem knows, or one reads the future.
    """
    frozen = Phenotype({}) if problem is None else problem.frozen
    named = read_policies(where, mapping, frozen, allow_python)
    _check_distinct(where, named)
    if problem is None:
        return named
    for name, phenotype in named.items():
        for question, policy in phenotype.policies.items():
            refuse_foresight(f"{where}.{name}.{question}", bind(question, question, policy, allow_python))
    for name, genome in problem.seeds.items():
        known = problem.decode(genome)
        written = named.get(name)
        if written is not None and not _is_genome(problem, written, genome):
            raise ConfigError(
                f"{where}.{name} must be called otherwise: problem.seeds.{name} has the same name, and other policies."
            )
        if written is None and known not in named.values():
            named[name] = known
    return named


def bundle_policies(where: str, path: object) -> Phenotype:
    """The policies in a bundle's file; questions that it leaves out are answered by the simulator's default.

    Raises
    ------
    ConfigError
        If the file cannot be read, is no bundle, or a policy or parameter is wrong.
    """
    (policies,) = read_policies(where, {Path(str(path)).stem: _written_out(where, str(path))}).values()
    return policies


def with_bundles(where: str, mapping: object) -> object:
    """Baselines with those that are given as the path of a policy bundle written out, so that no file is needed again.

    Raises
    ------
    ConfigError
        If such a file cannot be read or is no bundle.
    """
    if not isinstance(mapping, Mapping):
        return mapping
    return {
        name: _written_out(f"{where}.{name}", policies) if isinstance(policies, str) else policies
        for name, policies in mapping.items()
    }


def _written_out(where: str, path: str) -> dict[str, Any]:
    try:
        bundle = read_bundle(path)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    written: dict[str, Any] = {question: dict(policy) for question, policy in bundle.policies.items()}
    return written | ({"cluster": dict(bundle.limits)} if bundle.limits else {})


def read_policies(
    where: str, mapping: object, default: Phenotype | None = None, allow_python: bool = False
) -> dict[str, Phenotype]:
    """Policies by name, with every parameter.

    Parameters
    ----------
    where : str
        Path of the mapping, for messages.
    mapping : mapping
        Name -> {question: policy, cluster: limits of the batch}.
    default : Phenotype, optional
        Answers of questions that are left out, and limits; what it leaves out itself, the simulator's default answers.
    allow_python : bool
        Whether a policy may be a Python callable.

    Raises
    ------
    ConfigError
        If there is none, or a policy, parameter or limit is wrong.
    """
    if not isinstance(mapping, Mapping) or not mapping:
        raise ConfigError(f"{where} must be a mapping of at least one name to policies; got {mapping!r}.")
    return {
        str(name): _phenotype(f"{where}.{name}", policies, default or Phenotype({}), allow_python)
        for name, policies in mapping.items()
    }


def _phenotype(where: str, mapping: object, default: Phenotype, allow_python: bool) -> Phenotype:
    given = check_keys(where, mapping, (*QUESTIONS, "cluster"))
    limits = check_limits(f"{where}.cluster", given.pop("cluster", None))
    written = {question: choice for question, choice in given.items() if choice is not None}
    chosen: dict[str, Any] = {**DEFAULT_POLICIES, **default.policies, **written}
    try:
        bind_all(chosen, allow_python)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    policies = without_unasked({question: complete_policy(question, chosen[question]) for question in QUESTIONS})
    is_python = any(":" in policy["policy"] for policy in policies.values())
    return Phenotype(policies, {**default.limits, **limits}, is_python)


def _is_genome(problem: Problem, phenotype: Phenotype, genome: Genome) -> bool:
    encoded = None if phenotype.allows_python else problem.encode(phenotype.policies, phenotype.limits)
    return encoded is not None and problem.digest(encoded) == problem.digest(genome)


def _check_distinct(where: str, named: Mapping[str, Phenotype]) -> None:
    """Refuse one policy under two names: the second would be judged as a rival of its own."""
    seen: list[str] = []
    for name, phenotype in named.items():
        for other in seen:
            if named[other] == phenotype:
                raise ConfigError(f"{where}.{name} must differ from {where}.{other}; both have the same policies.")
        seen.append(name)
