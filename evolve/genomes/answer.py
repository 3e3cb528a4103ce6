"""One of several listed policies, each with its own numbers: a scheduler, a victim, an admission, a linear priority.

A value is the policy and its free parameters, such as {"policy": "token-bucket", "capacity_tokens": 12000.0}; the
parameters of the other policies are not part of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from blis.foundation.answers import QUESTIONS, answer, choices
from blis.foundation.checks import check_choice, check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from blis.policies.binding import fields
from blis.policies.bundle import complete_policy
from blis.policies.parameters import Bounds
from evolve.genomes.foresight import bind_without_foresight
from evolve.genomes.ranges import Range, mate_places, mutate_places
from evolve.records import Phenotype, Value

#: Share of mutations that choose another policy, where there is one.
_SWITCHES = 0.3


@dataclass(frozen=True, slots=True)
class Option:
    """One policy that a gene may choose."""

    fixed: Mapping[str, Any]  #: all its parameters, as a policy bundle has them; the free ones at their defaults
    free: Mapping[str, Range]  #: the parameters that are searched


@dataclass(frozen=True, slots=True)
class GeneKind:
    """A choice among policies, with the parameters of the one that is chosen."""

    KEYS: ClassVar = ("policies",)

    name: str
    options: Mapping[str, Option]  #: by the policy's name

    @classmethod
    def from_mapping(cls, name: str, where: str, mapping: Mapping[str, Any]) -> "GeneKind":
        """Read `policies`, a list of names, or of mappings with `policy` and `parameters`.

        Each of the `parameters` is a number or another plain value, at which it is fixed, or a mapping that narrows the
        bounds within which it is searched: `low`, `high`, `scale` (linear, log), `whole`. Parameters that are not
        listed keep their defaults.

        Raises
        ------
        ConfigError
            If a policy or a parameter is unknown or listed twice, a bound is wrong, or there is nothing to choose.
        """
        check_choice(where, name, QUESTIONS)
        given = check_keys(where, mapping, cls.KEYS, cls.KEYS)
        listed = given["policies"]
        if not isinstance(listed, list | tuple) or not listed:
            raise ConfigError(f"{where}.policies must be a list of policies; got {listed!r}.")
        options: dict[str, Option] = {}
        for place, entry in enumerate(listed):
            path = f"{where}.policies[{place}]"
            policy, option = _option(path, name, entry)
            if policy in options:
                raise ConfigError(f"{path}: policy {policy!r} is listed twice; list it once.")
            options[policy] = option
        if len(options) == 1 and not next(iter(options.values())).free:
            raise ConfigError(f"{where} must have two policies, or a parameter to search; freeze {name!r} instead.")
        return cls(name, options)

    @property
    def n_continuous(self) -> int:
        """Number of free parameters of the only policy; 0 if there are several policies."""
        return len(next(iter(self.options.values())).free) if len(self.options) == 1 else 0

    def sample(self, random: np.random.Generator) -> Value:
        """Any policy, with parameters that are even on their scales."""
        return self._sampled(list(self.options), random)

    def mate(self, one: Value, other: Value, random: np.random.Generator) -> tuple[Value, Value]:
        """Simulated binary crossover of the parameters of one policy; two policies are exchanged or not."""
        if one["policy"] != other["policy"]:
            return (dict(other), dict(one)) if random.random() < 0.5 else (dict(one), dict(other))
        policy = one["policy"]
        if not self.options[policy].free:
            return dict(one), dict(other)
        first, second = mate_places(self._places(one), self._places(other), random)
        return self._at(policy, first), self._at(policy, second)

    def mutate(self, value: Value, random: np.random.Generator) -> Value:
        """Another policy, or polynomial mutation of this one's parameters."""
        policy = value["policy"]
        others = [name for name in self.options if name != policy]
        if others and (not self.options[policy].free or random.random() < _SWITCHES):
            return self._sampled(others, random)
        return self._at(policy, mutate_places(self._places(value), random))

    def canonical(self, value: Value) -> Value:
        """The policy first, then its free parameters in the order of its `Params`."""
        free = self.options[value["policy"]].free
        return {"policy": value["policy"], **{name: value[name] for name in free}}

    def check(self, where: str, value: object) -> Value:
        """A listed policy with all its free parameters and no others."""
        keys = {key for option in self.options.values() for key in option.free}
        given = check_keys(where, value, ("policy", *sorted(keys)), ("policy",))
        policy = check_choice(f"{where}.policy", given["policy"], self.options)
        free = self.options[policy].free
        check_keys(where, given, ("policy", *free), free)
        return {"policy": policy, **{name: free[name].check(f"{where}.{name}", given[name]) for name in free}}

    def decode(self, value: Value) -> Phenotype:
        """The policy with all its parameters."""
        return Phenotype({self.name: {**self.options[value["policy"]].fixed, **value}})

    def encode(self, policies: Mapping[str, Any], limits: Mapping[str, int]) -> Value | None:
        """The policy, if it is listed and has the values that are fixed here and others within the bounds."""
        if self.name not in policies:
            return None
        given = complete_policy(self.name, policies[self.name])
        policy = given["policy"]
        if policy not in self.options:
            return None
        option = self.options[policy]
        if any(given[name] != option.fixed[name] for name in given if name not in option.free):
            return None
        try:
            return self.check(self.name, {"policy": policy, **{name: given[name] for name in option.free}})
        except ConfigError:
            return None

    def complexity(self, value: Value) -> float:
        """One for the choice and one for each number."""
        return float(len(value))

    def describe(self, value: Value) -> str:
        """Such as "token-bucket (capacity_tokens 12000, refill_tokens_per_s 800)"."""
        numbers = ", ".join(f"{name} {number:.6g}" for name, number in value.items() if name != "policy")
        return f"{value['policy']} ({numbers})" if numbers else str(value["policy"])

    def to_vector(self, value: Value) -> Float64Vector:
        """Places of the parameters on their scales; empty if there are several policies."""
        return np.array(self._places(value) if self.n_continuous else [], np.float64)

    def from_vector(self, vector: Float64Vector) -> Value:
        """The only policy, with the parameters at these places."""
        return self._at(next(iter(self.options)), [float(place) for place in vector])

    def _sampled(self, policies: list[str], random: np.random.Generator) -> Value:
        policy = policies[int(random.integers(len(policies)))]
        return self._at(policy, random.random(len(self.options[policy].free)).tolist())

    def _places(self, value: Value) -> list[float]:
        return [bounds.place(value[name]) for name, bounds in self.options[value["policy"]].free.items()]

    def _at(self, policy: str, places: list[float]) -> Value:
        free = self.options[policy].free
        return {
            "policy": policy,
            **{name: bounds.at(place) for (name, bounds), place in zip(free.items(), places, strict=True)},
        }


def _option(where: str, question: str, entry: object) -> tuple[str, Option]:
    given = check_keys(
        where, {"policy": entry} if isinstance(entry, str) else entry, ("policy", "parameters"), ("policy",)
    )
    policy = check_choice(f"{where}.policy", given["policy"], choices(question))
    described = fields(answer(question, policy))
    parameters = check_keys(f"{where}.parameters", given.get("parameters") or {}, described)
    fixed: dict[str, Any] = {"policy": policy}
    free: dict[str, Range] = {}
    for name, (marker, _) in described.items():
        if name not in parameters:
            continue
        wanted, path = parameters[name], f"{where}.parameters.{name}"
        if isinstance(marker, Bounds) and (wanted is None or isinstance(wanted, Mapping)):
            free[name] = Range.from_mapping(path, wanted, marker, is_whole=False)
        else:
            fixed[name] = wanted
    bind_without_foresight(question, where, fixed)
    return policy, Option(complete_policy(question, fixed), free)
