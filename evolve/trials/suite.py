"""Which scenarios and seeds judge candidates in which role: training, validation, and a test that is taken once.

Roles share no seed, and no scenario at one load, so that no role can leak into another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from blis.families.named import MEMBER, member_of, read_named
from blis.foundation.answers import answer, choices
from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.scenario_file import ScenarioFile
from blis.workload.logs.options import check_stretch
from blis.workload.requests import MOST_REQUESTS
from evolve.trials.families import SuiteFamily, read_families
from evolve.trials.scenarios import SuiteScenario

__all__ = ["ROLES", "Suite", "SuiteScenario", "check_role", "check_seeds", "read_suite"]

#: `train` scores candidates, `validation` chooses among the finalists, `test` tells how good the champion is.
ROLES = ("train", "validation", "test")

#: The largest seed: tables keep seeds as int64.
MOST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Suite:
    """The scenarios and the seeds of each role."""

    scenarios: Mapping[str, tuple[SuiteScenario, ...]]  #: role -> its scenarios
    seeds: Mapping[str, tuple[int, ...]]  #: role -> its seeds
    families: Mapping[str, tuple[SuiteFamily, ...]] = field(default_factory=dict)  #: role -> families, if it has any

    @classmethod
    def from_mapping(cls, where: str, mapping: object, own: Sequence[str] = ()) -> "Suite":
        """The suite that a plain mapping describes.

        Parameters
        ----------
        where : str
            Path of the mapping, for messages.
        mapping : mapping
            Role -> {scenarios: names, paths, or {name, load, num_requests, physics, stretch}; seeds: whole numbers};
            all three roles. An entry without a name stands for each of `own`. In the place of scenarios, or beside
            them: families: names, paths, or {name, num_requests}; members: how many of each.
        own : sequence of str
            Names or paths of scenarios. Where one replays no log, there is nothing to cut into stretches: its roles
            differ by their seeds alone.

        Raises
        ------
        ConfigError
            If a key or a scenario is unknown, a role has no scenario or no seed, or two roles share one.
        """
        given = check_keys(where, mapping, ROLES, ROLES)
        scenarios, seeds, families = {}, {}, {}
        for role in ROLES:
            at = f"{where}.{role}"
            described = _described(at, given[role])
            if "families" in described:
                families[role] = read_families(at, described["families"], described["members"])
            listed = described.get("scenarios")
            fixed = () if listed is None else _scenarios(f"{at}.scenarios", _named(listed, own))
            scenarios[role] = (*fixed, *(one for family in families.get(role, ()) for one in family.of_role(role)))
            seeds[role] = check_seeds(f"{at}.seeds", described["seeds"])
        _check_apart(
            where,
            "scenarios",
            {role: [one.name for one in scenarios[role] if one.file.source not in own] for role in ROLES},
        )
        _check_apart(where, "seeds", seeds)
        _check_names(where, families)
        return cls(scenarios, seeds, families)

    @property
    def varies(self) -> bool:
        """Whether training meets other scenarios in every generation."""
        return bool(self.families.get(ROLES[0]))

    def drawn(self, seed: int, turn: int | str) -> "Suite":
        """The suite with other members of the training families: by the seed of a search, others at every turn.

        Where training has no families it is the same suite.
        """
        if not self.varies:
            return self
        members = [one for family in self.families[ROLES[0]] for one in family.drawn(seed, turn)]
        return replace(self, scenarios={**self.scenarios, ROLES[0]: (*self._fixed(ROLES[0]), *members)})

    def _fixed(self, role: str) -> list[SuiteScenario]:
        """The scenarios of a role that are listed one by one; those of its families come behind them."""
        n_members = sum(one.members for one in self.families.get(role, ()))
        return list(self.scenarios[role][: len(self.scenarios[role]) - n_members])

    def described(self, role: str) -> str:
        """What a role consists of, for people."""
        often = " anew in every generation" if role == ROLES[0] else ""
        members = [f"{one.name} ({one.members} members{often})" for one in self.families.get(role, ())]
        return ", ".join([*(one.name for one in self._fixed(role)), *members])

    def with_train(self, where: str, names: object) -> tuple["Suite", tuple[str, ...]]:
        """The suite with other training scenarios, and what people should know about it.

        A scenario that validates or tests too stays there: it is then held out by its seeds alone.

        Raises
        ------
        ConfigError
            As `from_mapping`.
        """
        train = _scenarios(where, [names] if isinstance(names, str | Mapping) else names)
        held_out = {one.name: one for role in ROLES[1:] for one in self.scenarios[role]}
        notes = []
        for one in train:
            other = held_out.get(one.name)
            if other is not None and other.file != one.file:
                raise ConfigError(
                    f"{where}: {one.name!r} must not be called like another scenario of the suite; rename its file."
                )
            if other is not None:
                notes.append(f"{where}: {one.name} also validates or tests, there with other seeds.")
        families = {role: own for role, own in self.families.items() if role != "train"}
        return replace(self, scenarios={**self.scenarios, "train": train}, families=families), tuple(notes)

    def scenario(self, name: str) -> SuiteScenario:
        """The scenario of that name, in whatever role."""
        for role in ROLES:
            for one in self.scenarios[role]:
                if one.name == name:
                    return one
        for families in self.families.values():
            for family in families:
                if name.startswith(f"{family.name}{MEMBER}"):
                    return family.member(int(name.removeprefix(f"{family.name}{MEMBER}")))
        raise ConfigError(f"suite: there is no scenario named {name!r}.")


def read_suite(mapping: object, names: object) -> tuple[Suite, tuple[str, ...]]:
    """The suite of a configuration: with the user's own scenarios where it takes some, or else with them in training.

    Parameters
    ----------
    mapping : mapping
        As `Suite.from_mapping` reads it.
    names : str, sequence of str, or None
        Scenarios of the user's own, or others to train on, by name or path.

    Returns
    -------
    tuple of Suite and tuple of str
        The suite, and what people should know about it.

    Raises
    ------
    ConfigError
        As `Suite.from_mapping`; if the suite takes the user's own scenarios and there are none.
    """
    if _takes_own(mapping):
        own = [names] if isinstance(names, str) else list(names) if isinstance(names, Sequence) else []
        if not own or not all(isinstance(name, str) for name in own):
            raise ConfigError("scenario must name at least one, as this suite takes your own: scenario=mine.yaml.")
        return Suite.from_mapping("suite", mapping, own), ()
    suite = Suite.from_mapping("suite", mapping)
    return (suite, ()) if names is None else suite.with_train("scenario", names)


def check_seeds(where: str, value: object) -> tuple[int, ...]:
    """Seeds from a configuration: at least one whole number ≥ 0, each once.

    Raises
    ------
    ConfigError
        If it is anything else.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ConfigError(f"{where} must be a list of at least one int ≥ 0; got {value!r}.")
    seeds = tuple(check_int(f"{where}[{place}]", seed, 0, MOST_SEED) for place, seed in enumerate(value))
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"{where} must hold each seed once; got {list(seeds)}.")
    return seeds


def _described(where: str, mapping: object) -> dict[str, Any]:
    """A role's keys: it has scenarios, families, or both."""
    has_families = isinstance(mapping, Mapping) and "families" in mapping
    required = ("families", "members", "seeds") if has_families else ("scenarios", "seeds")
    keys = ("scenarios", "families", "members", "seeds")
    described = check_keys(where, mapping, keys, required)
    if not has_families and "members" in described:
        raise ConfigError(f"{where}.members must be left out without families; got {described['members']!r}.")
    return described


def _takes_own(mapping: object) -> bool:
    """Whether a suite has entries that stand for scenarios of the user's own."""
    roles = mapping.values() if isinstance(mapping, Mapping) else ()
    listed = [role.get("scenarios") for role in roles if isinstance(role, Mapping)]
    entries = [one for entry in listed if isinstance(entry, Sequence) and not isinstance(entry, str) for one in entry]
    return any(isinstance(one, Mapping) and "name" not in one for one in entries)


def _named(entries: Any, own: Sequence[str]) -> Any:
    """The entries of a role, those without a name once for each scenario of the user's own."""
    if not own or not isinstance(entries, Sequence) or isinstance(entries, str):
        return entries
    named: list[Any] = []
    for entry in entries:
        if not isinstance(entry, Mapping) or "name" in entry:
            named.append(entry)
            continue
        for name in own:
            is_log = _replays_log(read_named(name))
            named.append({"name": name, **{key: one for key, one in entry.items() if is_log or key != "stretch"}})
    return named


def _replays_log(file: ScenarioFile) -> bool:
    return hasattr(answer("workload", file.workload["kind"]).Params, "stretch")


def _scenarios(where: str, value: object) -> tuple[SuiteScenario, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ConfigError(f"{where} must be a list of at least one scenario; got {value!r}.")
    scenarios = tuple(_scenario(f"{where}[{place}]", one) for place, one in enumerate(value))
    names = [one.name for one in scenarios]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{where}: {name!r} is listed twice; give it once, or at different loads.")
    return scenarios


def _scenario(where: str, value: object) -> SuiteScenario:
    given: dict[str, Any] = {"name": value}
    if isinstance(value, Mapping):
        given = check_keys(where, value, ("name", "load", "num_requests", "physics", "stretch"), ("name",))
    name = given["name"]
    if not isinstance(name, str):
        raise ConfigError(f"{where} must be a scenario's name, or a mapping with the key 'name'; got {value!r}.")
    file = read_named(name)
    load, num_requests, physics = given.get("load"), given.get("num_requests"), given.get("physics")
    if load is not None:
        load = check_number(f"{where}.load", load, above=0)
    if num_requests is not None:
        num_requests = check_int(f"{where}.num_requests", num_requests, 1, MOST_REQUESTS)
    if physics is not None:
        check_choice(f"{where}.physics", physics, choices("latency"))
    stretch = given.get("stretch")
    if stretch is not None:
        stretch = check_stretch(f"{where}.stretch", stretch)
        if not _replays_log(file):
            raise ConfigError(f"{where}.stretch must be left out: {name} replays no log, every seed draws its own.")
    of_load, of_physics = "" if load is None else f"@{load:g}", "" if physics is None else f"/{physics}"
    of_stretch = "" if stretch is None else f"[{stretch[0]:g}-{stretch[1]:g}]"
    family, _ = member_of(name)
    return SuiteScenario(
        name=f"{file.name}{of_load}{of_physics}{of_stretch}",
        file=file,
        load=file.load if load is None else load,
        num_requests=num_requests or file.num_requests,
        physics=physics,
        stretch=stretch,
        family=None if family is None else family.name,
    )


def _check_apart(where: str, what: str, of_roles: Mapping[str, Sequence[Any]]) -> None:
    """Refuse what two roles share."""
    owner: dict[Any, str] = {}
    for role, values in of_roles.items():
        for value in values:
            other = owner.setdefault(value, role)
            if other != role:
                raise ConfigError(
                    f"{where}.{role}.{what}: {value!r} belongs to role {other!r} already; roles share nothing."
                )


def _check_names(where: str, families: Mapping[str, Sequence[SuiteFamily]]) -> None:
    """Refuse two families of one name: nobody could tell their members apart."""
    sources: dict[str, str] = {}
    for role, own in families.items():
        for one in own:
            if sources.setdefault(one.name, one.family.source) != one.family.source:
                raise ConfigError(
                    f"{where}.{role}.families: {one.name!r} must not be called like another family of the suite; "
                    "rename its file."
                )


def check_role(where: str, role: object) -> str:
    """One of `ROLES`.

    Raises
    ------
    UnknownChoiceError
        If it is none.
    """
    return check_choice(where, role, ROLES)
