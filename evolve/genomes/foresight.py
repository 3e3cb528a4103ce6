"""Policies that read the future are measures of the others: no search may have one, as a gene or beside it."""

from collections.abc import Callable, Mapping
from typing import Any

from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from blis.policies.binding import BoundPolicy, bind


def bind_without_foresight(
    question: str, where: str, choice: Mapping[str, Any] | str | Callable[..., Any]
) -> BoundPolicy:
    """A policy that a search may use, ready to run.

    Raises
    ------
    ConfigError
        As `blis.policies.binding.bind`, and if the policy is clairvoyant.
    """
    policy = bind(question, where, choice)
    refuse_foresight(where, policy)
    return policy


def refuse_foresight(where: str, policy: BoundPolicy) -> None:
    """Raise `ConfigError` if the policy reads the future."""
    if policy.flag("CLAIRVOYANT", False):
        raise ConfigError(
            f"{where} must not be {shown(policy.name)} in a search: it reads the future. Compare with it by "
            "python -m evolve.compare."
        )
