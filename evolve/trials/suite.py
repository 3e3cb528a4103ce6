"""Which scenarios and seeds judge candidates in which role: training, validation, and a test that is taken once.

Roles share no seed, and no scenario at one load, so that no role can leak into another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blis.foundation.answers import answer, choices
from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.scenario_file import ScenarioFile, read_scenario
from blis.workload.logs.options import check_stretch
from blis.workload.requests import MOST_REQUESTS

#: `train` scores candidates, `validation` chooses among the finalists, `test` tells how good the champion is.
ROLES = ("train", "validation", "test")

#: The largest seed: tables keep seeds as int64.
MOST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SuiteScenario:
    """A scenario at one load and one length."""

    name: (
        str  #: unique within its role: the file's name, and what the suite sets: "@<load>", "/<physics>", "[<stretch>]"
    )
    file: ScenarioFile
    load: float | None  #: arrival rate as a factor of the saturation rate; None where nobody sends at a rate
    num_requests: int
    physics: str | None = None  #: kind of latency model; None: the file's own
    stretch: tuple[float, float] | None = None  #: part of a log from which each seed draws its own; None: its beginning

    def mapping(self, num_requests: int) -> dict[str, Any]:
        """The scenario with so many requests, as `Scenario.from_mapping` reads it, without policies and seed."""
        mapping = self.file.mapping(self.load, num_requests, self.physics)
        if self.stretch is not None:
            mapping["workload"]["stretch"] = list(self.stretch)
        return mapping

    def requests_at(self, num_requests: int | None) -> int:
        """How many requests a fidelity of `num_requests` means here: never more than the suite says; None: as many."""
        return self.num_requests if num_requests is None else min(num_requests, self.num_requests)


@dataclass(frozen=True, slots=True)
class Suite:
    """The scenarios and the seeds of each role."""

    scenarios: Mapping[str, tuple[SuiteScenario, ...]]  #: role -> its scenarios
    seeds: Mapping[str, tuple[int, ...]]  #: role -> its seeds

    @classmethod
    def from_mapping(cls, where: str, mapping: object, own: Sequence[str] = ()) -> "Suite":
        """The suite that a plain mapping describes.

        Parameters
        ----------
        where : str
            Path of the mapping, for messages.
        mapping : mapping
            Role -> {scenarios: names, paths, or {name, load, num_requests, physics, stretch}; seeds: whole numbers};
            all three roles. An entry without a name stands for each of `own`.
        own : sequence of str
            Names or paths of scenarios. Where one replays no log, there is nothing to cut into stretches: its roles
            differ by their seeds alone.

        Raises
        ------
        ConfigError
            If a key or a scenario is unknown, a role has no scenario or no seed, or two roles share one.
        """
        given = check_keys(where, mapping, ROLES, ROLES)
        scenarios, seeds = {}, {}
        for role in ROLES:
            at = f"{where}.{role}"
            described = check_keys(at, given[role], ("scenarios", "seeds"), ("scenarios", "seeds"))
            scenarios[role] = _scenarios(f"{at}.scenarios", _named(described["scenarios"], own))
            seeds[role] = check_seeds(f"{at}.seeds", described["seeds"])
        _check_apart(
            where,
            "scenarios",
            {role: [one.name for one in scenarios[role] if one.file.source not in own] for role in ROLES},
        )
        _check_apart(where, "seeds", seeds)
        return cls(scenarios, seeds)

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
        return replace(self, scenarios={**self.scenarios, "train": train}), tuple(notes)

    def scenario(self, name: str) -> SuiteScenario:
        """The scenario of that name, in whatever role."""
        for role in ROLES:
            for one in self.scenarios[role]:
                if one.name == name:
                    return one
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
            is_log = _replays_log(read_scenario(name))
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
    file = read_scenario(name)
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
    return SuiteScenario(
        name=f"{file.name}{of_load}{of_physics}{of_stretch}",
        file=file,
        load=file.load if load is None else load,
        num_requests=num_requests or file.num_requests,
        physics=physics,
        stretch=stretch,
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


def check_role(where: str, role: object) -> str:
    """One of `ROLES`.

    Raises
    ------
    UnknownChoiceError
        If it is none.
    """
    return check_choice(where, role, ROLES)
