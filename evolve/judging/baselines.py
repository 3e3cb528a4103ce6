"""The known policies that a search must beat."""

from collections.abc import Mapping
from typing import Any, Protocol

from blis.foundation.answers import QUESTIONS
from blis.foundation.checks import check_keys
from blis.foundation.errors import ConfigError
from blis.policies.binding import DEFAULT_POLICIES, bind_all
from blis.policies.bundle import check_limits, complete_policy
from evolve.records import Genome, Phenotype


class Searched(Protocol):
    """What a problem says about its baselines."""

    @property
    def frozen(self) -> Phenotype:
        """Policies and limits that no candidate can change."""

    @property
    def seeds(self) -> Mapping[str, Genome]:
        """Its own known policies, by name."""

    def decode(self, genome: Genome) -> Phenotype:
        """What a genome means."""


def read_baselines(where: str, mapping: object, problem: Searched | None = None) -> dict[str, Phenotype]:
    """The baselines of a configuration, then those that the problem itself knows; each behaviour by its first name.

    Parameters
    ----------
    where : str
        Path of the mapping, for messages.
    mapping : mapping
        Name -> policies, see `read_policies`.
    problem : Problem, optional
        What it freezes replaces a baseline's answer: candidates and baselines differ in what is searched alone.

    Raises
    ------
    ConfigError
        If there is none, or a policy, parameter or limit is wrong.
    """
    named = read_policies(where, mapping)
    if problem is not None:
        named = {name: _frozen(phenotype, problem.frozen) for name, phenotype in named.items()}
        for name, genome in problem.seeds.items():
            named.setdefault(name, problem.decode(genome))
    distinct: dict[str, Phenotype] = {}
    for name, phenotype in named.items():
        if phenotype not in distinct.values():
            distinct[name] = phenotype
    return distinct


def read_policies(where: str, mapping: object) -> dict[str, Phenotype]:
    """Policies by name, with every parameter.

    Parameters
    ----------
    where : str
        Path of the mapping, for messages.
    mapping : mapping
        Name -> {question: policy, cluster: limits of the batch}; questions that are left out are answered by the
        simulator's default.

    Raises
    ------
    ConfigError
        If there is none, or a policy, parameter or limit is wrong.
    """
    if not isinstance(mapping, Mapping) or not mapping:
        raise ConfigError(f"{where} must be a mapping of at least one name to policies; got {mapping!r}.")
    return {str(name): _phenotype(f"{where}.{name}", policies) for name, policies in mapping.items()}


def _phenotype(where: str, mapping: object) -> Phenotype:
    given = check_keys(where, mapping, (*QUESTIONS, "cluster"))
    limits = check_limits(f"{where}.cluster", given.pop("cluster", None))
    chosen: dict[str, Any] = {**DEFAULT_POLICIES, **given}
    try:
        bind_all(chosen)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    return Phenotype({question: complete_policy(question, chosen[question]) for question in QUESTIONS}, limits)


def _frozen(phenotype: Phenotype, frozen: Phenotype) -> Phenotype:
    return Phenotype({**phenotype.policies, **frozen.policies}, {**phenotype.limits, **frozen.limits})
