"""Boards, their entries and their standings, as files have them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from blis.families.rates import MeasuredRates
from blis.fitness.constraints import read_constraints
from blis.foundation.checks import check_choice, check_int, check_keys
from blis.foundation.errors import BlisError, ConfigError
from blis.foundation.files import conf_folder, is_file, is_folder
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.words import shown
from blis.policies.bundle import read_bundle
from blis.workload.requests import MOST_REQUESTS
from evolve.judging.baselines import bundle_policies
from evolve.judging.goals import Goals
from evolve.judging.scoring import Rules
from evolve.league import BOARD, ENTRIES, KINDS, STANDINGS, Board, Budget, Entry, Standings
from evolve.league.digests import digest_of, digest_of_policy
from evolve.trials.suite import SuiteScenario, check_role, check_seeds, read_suite

#: Key of a bundle's lineage under which an entry says what it is.
LINEAGE = "entry"
_KEYS = ("title", "suite", "roles", "objectives", "constraints", "reference", "seeds", "num_requests", "check")


def boards_of(folder: Path, wanted: object) -> list[Path]:
    """The folders of boards, all or the one that is wanted.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if not is_folder(folder):
        raise ConfigError(f"folder must be that of a leaderboard; there is no {shown(str(folder))}.")
    found = sorted(path.parent for path in folder.glob(f"*/{BOARD}"))
    if not found:
        raise ConfigError(f"folder must hold boards, each a folder with {BOARD}; {shown(str(folder))} has none.")
    if wanted is None:
        return found
    name = check_choice("board", wanted, [path.name for path in found])
    return [path for path in found if path.name == name]


def read_board(folder: Path) -> Board:
    """The board in a folder; an entry that cannot be read is one that is refused.

    Raises
    ------
    ConfigError
        If `board.yaml` is wrong, or the reference is no sound entry.
    """
    where = str(folder / BOARD)
    required = ("title", "suite", "reference", "seeds", "check")
    given = check_keys(where, read_yaml(folder / BOARD), _KEYS, required)
    rules = Rules(
        Goals.from_config(f"{where}: objectives", given.get("objectives")),
        read_constraints(f"{where}: constraints", given.get("constraints")),
    )
    scenarios = _scenarios(where, given)
    full = Budget(_shorter(scenarios, given.get("num_requests")), check_seeds(f"{where}: seeds", given["seeds"]))
    own = check_keys(f"{where}: check", given["check"], ("scenarios", "seeds", "num_requests"),
                     ("scenarios", "seeds", "num_requests"))  # fmt: skip
    n_requests = check_int(f"{where}: check.num_requests", own["num_requests"], 1, MOST_REQUESTS)
    chosen = _named(f"{where}: check.scenarios", own["scenarios"], scenarios)
    check = Budget(_shorter(chosen, n_requests), check_seeds(f"{where}: check.seeds", own["seeds"]))
    entries = {path.stem: read_entry(path) for path in sorted((folder / ENTRIES).glob("*.yaml"))}
    reference = check_choice(f"{where}: reference", given["reference"], entries)
    if entries[reference].phenotype is None:
        raise ConfigError(f"{where}: reference must be sound; {reference}: {entries[reference].refusal}")
    question = [_question(one) for one in full.scenarios]
    asked = [question, full.seeds, rules.goals.groups, given.get("constraints"), entries[reference].digest]
    return Board(
        folder.name, folder, str(given["title"]), str(given["suite"]), rules, reference, entries, full, check,
        digest_of(asked),
    )  # fmt: skip


def _question(scenario: SuiteScenario) -> list[Any]:
    """What a scenario asks, without what is measured of it: a member's rate follows from the rest, and takes long."""
    file, rates = scenario.file, scenario.file.saturation_rates
    return [
        *(scenario.name, scenario.num_requests, scenario.load, scenario.physics, scenario.stretch),
        *(dict(file.cluster), dict(file.workload), dict(file.slo), file.horizon_us, file.load, file.physics),
        None if isinstance(rates, MeasuredRates) else dict(rates),
    ]


def read_entry(path: Path) -> Entry:
    """The entry in a file."""
    try:
        lineage = read_bundle(path).lineage
        own = check_keys(f"{path}: lineage.{LINEAGE}", lineage.get(LINEAGE) or {}, ("kind", "digest", "source"))
        kind = check_choice(f"{path}: lineage.{LINEAGE}.kind", own.get("kind", KINDS[0]), KINDS)
        digest, source = str(own.get("digest", "")), str(own.get("source", ""))
    except BlisError as error:
        return Entry(path.stem, KINDS[0], "", None, _refusal(path, error))
    try:
        phenotype = bundle_policies("entry", str(path))
    except BlisError as error:
        return Entry(path.stem, kind, digest, None, _refusal(path, error), source)
    if digest_of_policy(phenotype) != digest:
        why = f"different digest: {digest_of_policy(phenotype)}, not {digest or 'any'} as when it was added"
        return Entry(path.stem, kind, digest, None, why, source)
    return Entry(path.stem, kind, digest, phenotype, source=source)


def _refusal(path: Path, error: BlisError) -> str:
    """Why a policy is refused, wherever the board lies."""
    return f"policy refused: {str(error).replace(str(path), path.name)}"


def read_standings(folder: Path) -> Standings | None:
    """What was measured, if anything was.

    Raises
    ------
    ConfigError
        If the file is not what `judge` writes.
    """
    path = folder / STANDINGS
    if not is_file(path):
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} must be JSON; {error}.") from error
    given = check_keys(str(path), document, ("board", "digest", "rows"), ("digest", "rows"))
    rows = given["rows"]
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) and "name" in row for row in rows):
        raise ConfigError(f"{path}: rows must be a list of mappings with a name each; got {shown(rows)}.")
    return Standings(str(given["digest"]), tuple(rows))


def _scenarios(where: str, given: Mapping[str, Any]) -> tuple[SuiteScenario, ...]:
    name = given["suite"]
    folder = conf_folder() / "suite"
    check_choice(f"{where}: suite", name, [path.stem for path in folder.glob("*.yaml")])
    suite = read_suite(read_yaml(folder / f"{name}.yaml"), None)[0]
    roles = given.get("roles", ["test"])
    if not isinstance(roles, Sequence) or isinstance(roles, str) or not roles:
        raise ConfigError(f"{where}: roles must be a list of at least one of a suite's roles; got {shown(roles)}.")
    return tuple(one for role in roles for one in suite.scenarios[check_role(f"{where}: roles", role)])


def _named(where: str, names: object, scenarios: Sequence[SuiteScenario]) -> tuple[SuiteScenario, ...]:
    if not isinstance(names, Sequence) or isinstance(names, str) or not names:
        raise ConfigError(f"{where} must be a list of at least one scenario of the board; got {shown(names)}.")
    by_name = {one.name: one for one in scenarios}
    return tuple(by_name[check_choice(where, name, by_name)] for name in names)


def _shorter(scenarios: Sequence[SuiteScenario], most: object) -> tuple[SuiteScenario, ...]:
    if most is None:
        return tuple(scenarios)
    limit = check_int("num_requests", most, 1, MOST_REQUESTS)
    return tuple(replace(one, num_requests=min(limit, one.num_requests)) for one in scenarios)
