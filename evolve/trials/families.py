"""Families in a suite: which members a role has, and with which seeds they are run.

Roles share no member. Validation and test have the same members always; training has others in every generation, by
the seed of the search. Members of one family would share the randomness of one seed, as their clients have the same
names: so each member turns a seed of the suite into one of its own, and luck is nested in members.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blis.families.family import ScenarioFamily, read_family
from blis.families.named import MEMBER
from blis.foundation.answers import choices
from blis.foundation.checks import check_choice, check_int, check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.words import shown
from blis.workload.requests import MOST_REQUESTS
from evolve.trials.scenarios import SuiteScenario

#: Number of a role's first member, where the suite says which they are.
FIRST = {"train": 1_001, "validation": 2_001, "test": 3_001}
MOST_MEMBERS = 999
#: Between these lie the numbers of members that a search draws.
FIRST_DRAWN, LAST_DRAWN = 10_000, 10**9


@dataclass(frozen=True, slots=True)
class SuiteFamily:
    """A family in a role."""

    family: ScenarioFamily
    members: int  #: how many of them the role has at a time
    num_requests: int  #: of each
    physics: str | None = None  #: kind of latency model that prices their steps; None: their own

    @property
    def name(self) -> str:
        """The family's."""
        return self.family.name

    def member(self, number: int) -> SuiteScenario:
        """The member of that number, as a scenario of the suite."""
        file = self.family.member(number)
        of_physics = "" if self.physics is None else f"/{self.physics}"
        return SuiteScenario(
            name=f"{file.name}{of_physics}", file=file, load=file.load, num_requests=self.num_requests,
            physics=self.physics, family=self.name,
        )  # fmt: skip

    def of_role(self, role: str) -> list[SuiteScenario]:
        """The members that a role always has."""
        return [self.member(FIRST[role] + place) for place in range(self.members)]

    def drawn(self, seed: int, turn: int | str) -> list[SuiteScenario]:
        """Members by the seed of a search, others at every turn."""
        random = stream(seed, "members", self.name, turn)
        numbers: dict[int, None] = {}
        while len(numbers) < self.members:
            numbers[int(random.integers(FIRST_DRAWN, LAST_DRAWN))] = None
        return [self.member(number) for number in numbers]


def own_seed(scenario: SuiteScenario, seed: int) -> int:
    """The seed with which a scenario is run for a seed of the suite: a member's own, or the same for any other."""
    if scenario.family is None:
        return seed
    digest = hashlib.sha256(f"{scenario.file.name} {seed}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def read_families(where: str, value: object, members: object) -> tuple[SuiteFamily, ...]:
    """The families of a role.

    Parameters
    ----------
    where : str
        Path of the role, for messages.
    value : list
        Names or paths, or mappings with `name` and perhaps `num_requests` and `physics`.
    members : int
        Of each of them.

    Raises
    ------
    ConfigError
        If a family is unknown or listed twice, or a number out of range.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ConfigError(f"{where}.families must be a list of at least one family; got {shown(value)}.")
    count = check_int(f"{where}.members", members, 1, MOST_MEMBERS)
    found = tuple(_family(f"{where}.families[{place}]", one, count) for place, one in enumerate(value))
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{where}.families: {name!r} is listed twice; give it once, and more members.")
    return found


def _family(where: str, value: object, members: int) -> SuiteFamily:
    given: dict[str, Any] = {"name": value}
    if not isinstance(value, str):
        given = check_keys(where, value, ("name", "num_requests", "physics"), ("name",))
    name, num_requests, physics = given["name"], given.get("num_requests"), given.get("physics")
    if not isinstance(name, str):
        raise ConfigError(f"{where}.name must be the name or the path of a family; got {shown(name)}.")
    if MEMBER in name:
        raise ConfigError(f"{where} must be a family; {shown(name)} is one member, which scenarios may list.")
    family = read_family(name)
    if num_requests is not None:
        num_requests = check_int(f"{where}.num_requests", num_requests, 1, MOST_REQUESTS)
    if physics is not None:
        check_choice(f"{where}.physics", physics, choices("latency"))
    return SuiteFamily(family, members, num_requests or family.file.num_requests, physics)
