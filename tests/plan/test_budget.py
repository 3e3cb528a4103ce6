import pytest

from blis.foundation.errors import ConfigError
from evolve.plan.budget import Budget, Spending
from evolve.records import Cost


def cost(count: int) -> Cost:
    return Cost(evaluations=3 * count, requests=300 * count)


def test_generations_are_limited() -> None:
    spending = Spending(generations=2)

    assert spending.affordable(Budget(generations=3), 10, cost) == 10
    assert spending.affordable(Budget(generations=2), 10, cost) == 0


def test_the_last_generation_is_cut_to_what_is_left() -> None:
    spending = Spending(evaluations=90, requests=9000)

    assert spending.affordable(Budget(evaluations=110), 10, cost) == 6
    assert spending.affordable(Budget(requests=9900), 10, cost) == 3
    assert spending.affordable(Budget(evaluations=110, requests=9900), 10, cost) == 3
    assert spending.affordable(Budget(evaluations=92), 10, cost) == 0


def test_a_generation_without_new_simulations_is_idle() -> None:
    spending = Spending()
    for new in (5, 0, 0):
        spending.close_generation(new)

    assert (spending.generations, spending.idle_generations) == (3, 2)
    assert Spending.from_state(spending.state()) == spending


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, "budget must limit one of"),
        ({"generations": None, "evaluations": None}, "budget must limit one of"),
        ({"generations": 0}, "budget.generations must be an int ≥ 1"),
        ({"evaluations": 1.5}, "budget.evaluations must be an int ≥ 1"),
        ({"requests": float("inf")}, "budget.requests must be an int ≥ 1"),
        ({"evaluation": 5}, "did you mean 'evaluations'"),
        (None, "budget must be a mapping"),
    ],
)
def test_wrong_budgets_are_refused(mapping: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Budget.from_mapping("budget", mapping)
