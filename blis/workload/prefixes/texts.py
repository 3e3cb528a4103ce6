"""Texts that prompts begin with: which there are, how long and how popular they are, and which extend which."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from blis.foundation.checks import check_int, check_keys, check_number, nearest
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import Float64Vector, Int64Vector
from blis.workload.drawing.lengths import Constant, Lengths, lengths_or_number
from blis.workload.requests import MOST_REQUESTS

NO_TEXT = -1
_GROUP_KEYS = ("name", "tokens", "weight", "count", "zipf_exponent", "extends")


@dataclass(frozen=True, slots=True)
class PrefixFamily:
    """One text, or several of one kind that differ in popularity."""

    name: str
    tokens: Lengths  #: own part of each text, ≥ 1
    weight: float = 1.0  #: ≥ 0, of the whole family among its client's
    count: int = 1  #: ≥ 1; the texts of a family of several are called <name>-0, <name>-1, ...
    zipf_exponent: float = 0.0  #: ≥ 0; the k-th text has weight 1 / (k + 1)^exponent within the family
    extends: str = ""  #: name of the text that stands before it, "" for none

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the texts."""
        return (self.name,) if self.count == 1 else tuple(f"{self.name}-{k}" for k in range(self.count))


@dataclass(frozen=True, slots=True)
class PrefixPlan:
    """The texts that one client uses."""

    families: tuple[PrefixFamily, ...] = ()
    share: float = 1.0  #: [0, 1], part of its requests (or sessions) that begin with one of them


class PrefixTexts(NamedTuple):
    """All texts of a workload, parents before children."""

    names: tuple[str, ...]
    parent: Int64Vector  #: (n,) index of the text that it extends, `NO_TEXT` for none
    tokens: Int64Vector  #: (n,) longest use, parents included


class PrefixChoices(NamedTuple):
    """The texts that one client draws from."""

    text: Int64Vector  #: (k,) index of the text
    tokens: Int64Vector  #: (k,) length of its use, parents included
    bounds: Float64Vector  #: (k,) cumulated weights, the last 1
    share: float

    def draw(self, random: np.random.Generator, n: int) -> tuple[Int64Vector, Int64Vector]:
        """Draw text (`NO_TEXT` for none) and length of `n` beginnings."""
        if len(self.text) == 0:
            return np.full(n, NO_TEXT), np.zeros(n, np.int64)
        if len(self.text) == 1 and self.share == 1:
            return np.full(n, self.text[0]), np.full(n, self.tokens[0])
        choice, member = random.random((n, 2)).T
        index = np.searchsorted(self.bounds, choice, side="right")
        is_member = member < self.share
        return np.where(is_member, self.text[index], NO_TEXT), np.where(is_member, self.tokens[index], 0)


def draw_texts(plans: Iterable[PrefixPlan], seed: int) -> tuple[PrefixTexts, list[PrefixChoices]]:
    """The texts of all clients, their lengths drawn, and what each client chooses from."""
    plans = list(plans)
    family_of = {family.name: family for plan in plans for family in plan.families}
    index_of: dict[str, int] = {}
    parents: list[int] = []
    longest: list[int] = []

    def use(family: PrefixFamily) -> list[int]:
        """Lengths of the family's texts, which are entered into the table."""
        before, parent = 0, NO_TEXT
        if family.extends:
            before, parent = use(family_of[family.extends])[0], index_of[family.extends]
        own = family.tokens.draw(stream(seed, "workload", "prefix", family.name), family.count)
        lengths = [before + int(tokens) for tokens in own]
        for name, tokens in zip(family.members, lengths, strict=True):
            if name not in index_of:
                index_of[name] = len(parents)
                parents.append(parent)
                longest.append(tokens)
            longest[index_of[name]] = max(longest[index_of[name]], tokens)
        return lengths

    choices = []
    for plan in plans:
        lengths = [np.array(use(family), np.int64) for family in plan.families]
        text = [index_of[name] for family in plan.families for name in family.members]
        bounds = np.cumsum(np.concatenate([np.zeros(0), *(_weights(family) for family in plan.families)]))
        choices.append(
            PrefixChoices(
                text=np.array(text, np.int64),
                tokens=np.concatenate([np.zeros(0, np.int64), *lengths]),
                bounds=bounds / bounds[-1] if len(bounds) else bounds,
                share=plan.share,
            )
        )
    texts = PrefixTexts(tuple(index_of), np.array(parents, np.int64), np.array(longest, np.int64))
    return texts, choices


def _weights(family: PrefixFamily) -> Float64Vector:
    popularity = np.arange(1, family.count + 1, dtype=np.float64) ** -family.zipf_exponent
    weights: Float64Vector = family.weight * popularity / popularity.sum()
    return weights


def prefix_plan_from_list(where: str, groups: object, share: object) -> PrefixPlan:
    """The plan in a list of mappings {name, tokens, weight, count, zipf_exponent, extends}.

    Parameters
    ----------
    where : str
        Place of the client.
    groups : object
    share : object
        Part of the requests that begin with a text, None for all.

    Raises
    ------
    ConfigError
    """
    if not isinstance(groups, list) or not groups:
        raise ConfigError(f"{where}.prefix_groups must be a list of at least one group; got {groups!r}.")
    families = tuple(_family(f"{where}.prefix_groups[{k}]", group) for k, group in enumerate(groups))
    if not any(family.weight > 0 for family in families):
        raise ConfigError(f"{where}.prefix_groups must have at least one weight > 0; got {groups!r}.")
    return PrefixPlan(families, 1.0 if share is None else check_number(f"{where}.prefix_share", share, 0, 1))


def check_families(where: str, plans: Iterable[PrefixPlan]) -> None:
    """Refuse texts of one name that differ, and parents that are unknown, several or their own descendants.

    Raises
    ------
    ConfigError
    """
    families = [family for plan in plans for family in plan.families]
    by_name: dict[str, PrefixFamily] = {}
    for family in families:
        known = by_name.setdefault(family.name, family)
        if (known.extends, known.count) != (family.extends, family.count):
            raise ConfigError(
                f"{where}: prefix group {family.name!r} must extend the same text and count wherever used."
            )
    for family in families:
        parent = by_name.get(family.extends)
        if family.extends and parent is None:
            raise ConfigError(
                f"{where}: prefix group {family.name!r} must extend a group of the document; "
                f"got {family.extends!r}{nearest(family.extends, by_name)}"
            )
        if parent and (parent.count > 1 or any(f.tokens != parent.tokens for f in families if f.name == parent.name)):
            raise ConfigError(
                f"{where}: prefix group {parent.name!r} is extended, so it must be one text of one length."
            )
        seen = {family.name}
        while parent:
            if parent.name in seen:
                raise ConfigError(f"{where}: prefix group {family.name!r} must not extend itself, not even indirectly.")
            seen.add(parent.name)
            parent = by_name.get(parent.extends)
    members = [name for family in by_name.values() for name in family.members]
    if len(set(members)) < len(members):
        raise ConfigError(f"{where}: prefix groups must have different names once counted; got {', '.join(by_name)}.")


def single_text(name: str, tokens: int) -> PrefixPlan:
    """The plan of a client whose prompts all begin with one text."""
    return PrefixPlan((PrefixFamily(name, Constant(tokens)),))


def _family(where: str, mapping: object) -> PrefixFamily:
    given = check_keys(where, mapping, _GROUP_KEYS, required=("name", "tokens"))
    return PrefixFamily(
        name=_name(f"{where}.name", given["name"]),
        tokens=lengths_or_number(f"{where}.tokens", given["tokens"], 1),
        weight=check_number(f"{where}.weight", _given(given, "weight", 1), 0),
        count=check_int(f"{where}.count", _given(given, "count", 1), 1, MOST_REQUESTS),
        zipf_exponent=check_number(f"{where}.zipf_exponent", _given(given, "zipf_exponent", 0), 0),
        extends=_name(f"{where}.extends", given["extends"]) if given.get("extends") else "",
    )


def _given(given: Mapping[str, Any], key: str, default: object) -> object:
    return default if given.get(key) is None else given[key]


def _name(where: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where} must be a text of at least one character; got {value!r}.")
    return value
