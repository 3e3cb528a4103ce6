"""Runs a recorded case and tells where the outcome differs from the recording."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from blis.engine.codes import STATUS_NAMES
from blis.foundation.errors import BlisError, ConfigError
from blis.foundation.units import BoolVector, Float64Vector, Int64Vector
from blis.recorded.case import AGGREGATES, DOUBLE_COLUMNS, STATUS_COLUMN, ExpectedColumn, RecordedCase, simulation_of

if TYPE_CHECKING:
    from blis.outcome import Outcome

SCORE_TOLERANCE = 1e-12  #: of scores and regrets, relative beyond 1
AGGREGATE_TOLERANCE = 1e-9  #: relative
LEAST_DIFFERENCE = 1e-12  #: two doubles that are nearer than this are equal, however small they are

EXAMPLES_PER_FIELD = 2
MAX_EXAMPLES = 12

#: Mappings in expected.json whose keys are data: one too many is a difference.
CLOSED_MAPPINGS = ("routing_trace.requests_per_instance",)

Scalar = int | float | str | None


class Difference(NamedTuple):
    """One field that does not agree; None where there is no value."""

    where: str  #: "request 7", or "expected.json"
    field: str
    recorded: Scalar
    simulated: Scalar


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far a case agrees."""

    name: str
    semantics: str
    requests: int
    fields_compared: int = 0  #: cells of expected.csv
    mismatches: int = 0
    largest_difference_us: int = 0  #: among the times of requests that are given on both sides
    aggregates_compared: int = 0  #: numbers in expected.json
    aggregate_mismatches: int = 0
    examples: tuple[Difference, ...] = ()
    error: str = ""  #: why the run did not come to its end

    @property
    def agrees(self) -> bool:
        """Whether every comparable field does."""
        return not (self.mismatches or self.aggregate_mismatches or self.error)


def verdict_on(case: RecordedCase) -> Verdict:
    """Run the case and compare what it declares comparable.

    Raises
    ------
    ConfigError
        If the case cannot be run at all. A run that breaks off is a verdict.
    """
    from blis.outcome import outcome

    try:
        result = outcome(simulation_of(case).run())
    except ConfigError as error:
        raise ConfigError(f"case {case.name}: {error}") from error
    except BlisError as error:
        return Verdict(case.name, case.document.semantics, len(case.requests), error=str(error))
    return compare(case, result)


def compare(case: RecordedCase, outcome: "Outcome") -> Verdict:
    """Compare an outcome with the recording.

    Parameters
    ----------
    case : RecordedCase
    outcome : Outcome
        Of the run that `simulation_of(case)` describes.
    """
    mismatches, n_compared, largest_us = 0, 0, 0
    examples: list[Difference] = []
    for name, column in case.columns.items():
        values, is_given = simulated_column(case, outcome, name)
        differs = _differs(name, column, values, is_given)
        n_compared += len(differs)
        mismatches += int(differs.sum())
        if name.endswith("_us"):
            gaps_us = np.abs(values - column.values)[is_given & column.is_given]
            largest_us = max(largest_us, int(gaps_us.max(initial=0)))
        for row in np.flatnonzero(differs)[:EXAMPLES_PER_FIELD].tolist():
            recorded = _cell(name, column.values, column.is_given, row)
            examples.append(Difference(f"request {row}", name, recorded, _cell(name, values, is_given, row)))
    n_aggregates, wrong = _compare_aggregates(case, outcome) if case.document.aggregates else (0, [])
    return Verdict(
        name=case.name,
        semantics=case.document.semantics,
        requests=len(case.requests),
        fields_compared=n_compared,
        mismatches=mismatches,
        largest_difference_us=largest_us,
        aggregates_compared=n_aggregates,
        aggregate_mismatches=len(wrong),
        examples=(*examples[:MAX_EXAMPLES], *wrong[: max(EXAMPLES_PER_FIELD, MAX_EXAMPLES - len(examples))]),
    )


def simulated_column(
    case: RecordedCase, outcome: "Outcome", name: str
) -> tuple[Int64Vector | Float64Vector, BoolVector]:
    """A column of expected.csv as simulated, by row of requests.csv, and whether each cell has a value."""
    values: Int64Vector | Float64Vector
    if name == "regret":
        values = regrets(case, outcome)
    elif name == "score":
        values = _scores(case, outcome)
    else:
        values = getattr(outcome.requests, name).astype(np.int64)
    values = values[np.argsort(case.requests.number)]
    is_given = ~np.isnan(values) if name in DOUBLE_COLUMNS else values >= 0
    return values, is_given


def regrets(case: RecordedCase, outcome: "Outcome") -> Float64Vector:
    """Regret of each request in order of arrival, NaN where not routed; 0 if no counterfactuals were looked at."""
    found = outcome.requests.routing_regret
    return found if case.document.counts_regret else np.where(np.isnan(found), np.nan, 0.0)


def published_aggregates(case: RecordedCase, outcome: "Outcome") -> dict[str, Any]:
    """The aggregates of the outcome, as the program of the case's date defined them."""
    from blis.metrics.published import DEFINITIONS, published

    document = case.document
    return published(
        outcome,
        case.requests,
        DEFINITIONS[document.semantics],
        priority=document.policies["priority"]["policy"],
        fitness_weights=document.fitness_weights,
        regrets=regrets(case, outcome) if document.traces_routing else None,
    )


def _scores(case: RecordedCase, outcome: "Outcome") -> Float64Vector:
    """Score of each request's instance; none from a policy that does not score."""
    from blis.foundation.answers import answer

    scores = getattr(answer("routing", case.document.policies["routing"]["policy"]), "SCORES", False)
    found = outcome.requests.routing_score
    return found if scores else np.full(len(found), np.nan)


def _differs(
    name: str, column: ExpectedColumn, values: Int64Vector | Float64Vector, is_given: BoolVector
) -> BoolVector:
    if name in DOUBLE_COLUMNS:
        bound = SCORE_TOLERANCE * np.maximum(1.0, np.abs(column.values))
        is_wrong = ~(np.abs(values - column.values) <= bound)
    else:
        is_wrong = values != column.values
    differs: BoolVector = (is_given != column.is_given) | (is_given & is_wrong)
    return differs


def _cell(name: str, values: Int64Vector | Float64Vector, is_given: BoolVector, row: int) -> Scalar:
    if not is_given[row]:
        return None
    value: int | float = values[row].item()
    return STATUS_NAMES[int(value)] if name == STATUS_COLUMN else value


def _compare_aggregates(case: RecordedCase, outcome: "Outcome") -> tuple[int, list[Difference]]:
    """How many numbers were compared, and those that differ."""
    simulated = published_aggregates(case, outcome)
    n_compared, wrong = 0, []
    for path, name, recorded, value in _leaves(case.aggregates, simulated, "", ""):
        if _is_below(name, case.document.excluded) or _is_below(path, case.document.excluded):
            continue
        if not (_is_below(name, case.document.aggregates) or _is_below(path, case.document.aggregates)):
            continue
        n_compared += 1
        if not _agrees(recorded, value):
            wrong.append(Difference(AGGREGATES, path, _scalar(recorded), _scalar(value)))
    if not n_compared:
        raise ConfigError(
            f"case {case.name}: {AGGREGATES} holds none of the fields that comparable names: "
            f"{', '.join(map(repr, case.document.aggregates))}."
        )
    return n_compared, wrong


def _leaves(recorded: Any, simulated: Any, path: str, name: str) -> Iterator[tuple[str, str, Any, Any]]:
    """Path with indices, path without, recorded and simulated value of everything that the recording holds."""
    if isinstance(recorded, Mapping):
        given = simulated if isinstance(simulated, Mapping) else {}
        surplus = [key for key in given if key not in recorded] if name in CLOSED_MAPPINGS else []
        for key in (*recorded, *surplus):
            step = f".{key}" if path else str(key)
            yield from _leaves(recorded.get(key), given.get(key), path + step, name + step)
    elif isinstance(recorded, list):
        given_entries = simulated if isinstance(simulated, list) else []
        for index in range(max(len(recorded), len(given_entries))):
            entry = recorded[index] if index < len(recorded) else None
            given_entry = given_entries[index] if index < len(given_entries) else None
            yield from _leaves(entry, given_entry, f"{path}[{index}]", name)
    else:
        yield path, name, recorded, simulated


def _is_below(path: str, roots: Any) -> bool:
    """Whether the path is one of the roots, or lies below one; everything lies below the empty root."""
    return any(not root or path == root or path.startswith((f"{root}.", f"{root}[")) for root in roots)


def _agrees(recorded: Any, simulated: Any) -> bool:
    """Whole numbers exactly, others nearly."""
    if recorded is None or simulated is None:
        return recorded is simulated
    if isinstance(recorded, bool) or not isinstance(recorded, int | float):
        return False
    if isinstance(simulated, int):
        return recorded == simulated
    if not isinstance(simulated, float):
        return False
    return math.isclose(recorded, simulated, rel_tol=AGGREGATE_TOLERANCE, abs_tol=LEAST_DIFFERENCE)


def _scalar(value: Any) -> Scalar:
    """The value, or words for what a message cannot show."""
    if value is None or isinstance(value, int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return f"{type(value).__name__} of {len(value)}"
