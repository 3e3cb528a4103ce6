"""How much a search may spend: one account for all algorithms.

An evaluation is one simulation of one candidate in one scenario with one seed; what the search has simulated before
costs nothing. Baselines, finalists and the test are not paid from the budget: they are the same for every algorithm.

Lessons (`evolve.practice`) are paid from it too, by the requests that they simulate, and as evaluations of as many
requests. They may take half of what is left, so that there is something left to judge by what they taught.

A search never spends more than its budget. A generation whose evaluations might not all be affordable, if none of them
were known, is cut to as many candidates as are, and is the last one.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from blis.foundation.checks import check_int, check_keys
from blis.foundation.errors import ConfigError
from evolve.records import Cost

KEYS = ("generations", "evaluations", "requests")

#: Generations in a row without any new simulation after which everything reachable counts as known.
IDLE_GENERATIONS = 20


#: More than any search spends.
UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits; None: none of this kind."""

    generations: int | None = None
    evaluations: int | None = None
    requests: int | None = None  #: simulated requests

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "Budget":
        """Strict: unknown keys are errors.

        Raises
        ------
        ConfigError
            If a limit is no whole number above zero, or there is no limit at all.
        """
        given = check_keys(where, mapping, KEYS)
        limits = {key: check_int(f"{where}.{key}", given[key], 1) for key in KEYS if given.get(key) is not None}
        if not limits:
            raise ConfigError(f"{where} must limit one of {', '.join(KEYS)}; all are null.")
        return cls(**limits)


@dataclass(slots=True)
class Spending:
    """What has been spent so far."""

    generations: int = 0
    evaluations: int = 0  #: simulations that were run
    requests: int = 0  #: requests that they simulated
    lesson_requests: int = 0  #: of them, those of lessons
    cache_hits: int = 0  #: evaluations that were known already
    failures: int = 0  #: simulations that failed, among `evaluations`
    idle_generations: int = 0  #: the last generations, if they needed no new simulation

    def affordable(self, budget: Budget, wanted: int, cost: Callable[[int], Cost]) -> int:
        """How many of `wanted` candidates the rest of the budget pays for.

        Parameters
        ----------
        budget : Budget
        wanted : int
        cost : callable
            Number of candidates -> what they cost at most; never falls as the number grows.
        """
        if budget.generations is not None and self.generations >= budget.generations:
            return 0
        for count in range(wanted, 0, -1):
            most = cost(count)
            if (budget.evaluations is None or self.evaluations + most.evaluations <= budget.evaluations) and (
                budget.requests is None or self.requests + most.requests <= budget.requests
            ):
                return count
        return 0

    def left(self, budget: Budget) -> Cost:
        """What may still be spent."""
        evaluations = UNLIMITED if budget.evaluations is None else budget.evaluations - self.evaluations
        requests = UNLIMITED if budget.requests is None else budget.requests - self.requests
        return Cost(evaluations, requests)

    def close_generation(self, new_evaluations: int) -> None:
        """Count a generation that ran so many new simulations."""
        self.generations += 1
        self.idle_generations = 0 if new_evaluations else self.idle_generations + 1

    def state(self) -> dict[str, int]:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Spending":
        """The spending whose `state` this is."""
        return cls(**state)
