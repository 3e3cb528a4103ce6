"""Scenarios as a command line names them: `load-spikes`, a file, or a family's member, `chat#3` or `mine.yaml#3`."""

import re

from blis.families.family import ScenarioFamily, family_names, read_family
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from blis.scenario_file import ScenarioFile, names, read_scenario

MEMBER = "#"
_NUMBER = re.compile(r"\d{1,16}")


def read_named(name: str) -> ScenarioFile:
    """The scenario of a name or path, or the member of a family.

    Raises
    ------
    ConfigError
        If there is none, or a family is named without the number of a member.
    """
    family, number = member_of(name)
    if family is not None and number is not None:
        return family.member(number)
    if name in family_names() and name not in names():
        raise ConfigError(f"scenario: {name} is a family; say which member is meant, such as {name}{MEMBER}1.")
    return read_scenario(name)


def member_of(name: str) -> tuple[ScenarioFamily | None, int | None]:
    """Family and number of a name such as `chat#3`; None and None of any other name.

    Raises
    ------
    ConfigError
        If there is no such family, or what follows is no number.
    """
    family, mark, number = name.rpartition(MEMBER)
    if not mark:
        return None, None
    if not _NUMBER.fullmatch(number):
        raise ConfigError(
            f"scenario: what follows {MEMBER} must be the number of a member, an int ≥ 0; got {shown(number)}."
        )
    return read_family(family), int(number)
