"""What every file of a folder must honour; the folders are walked, so a new answer needs no new test."""

from typing import Any

import numpy as np
import pytest

from blis.engine._jit import plain
from blis.engine.choice import LOWEST_INDEX, draw_of
from blis.engine.views import BatchView, QueueView, RequestView, RouterView
from blis.foundation.answers import FOLDERS, QUESTIONS, answer, choices
from blis.foundation.slo import CLASSES
from blis.policies.binding import bind, fields, memory_for
from blis.policies.parameters import Bounds

POLICIES = [(question, name) for question in QUESTIONS for name in choices(question)]
REQUEST = RequestView(0, 1_000, 64, 4, 1, 0, -1, 0, 0, 0, 0.0)


def router_view(n_instances: int, n_scorers: int, tie_draw: int = LOWEST_INDEX) -> RouterView:
    """Instances that are all alike."""
    same = {name: np.full(n_instances, 2) for name in RouterView._fields}
    same |= {"total_blocks": np.full(n_instances, 50), "is_known": np.ones(n_instances, int)}
    same |= {name: np.full(n_instances, 2_000.0) for name in ("expected_ttft_us", "expected_itl_us")}
    same |= {"sent_prompts": np.full((n_instances, len(CLASSES)), 2)}
    scalars: dict[str, Any] = {"clock_us": 5_000, "n_instances": n_instances, "block_size_tokens": 16}
    scalars |= {"session_instance": -1, "tie_draw": tie_draw, "draw": 7}
    scores = np.full((max(n_scorers, 1), n_instances), 0.5)
    return RouterView(**(same | scalars | {"n_scorers": n_scorers, "scorer_scores": scores}))


@pytest.mark.parametrize(("question", "name"), POLICIES)
def test_defaults_lie_within_their_bounds(question: str, name: str) -> None:
    for marker, default in fields(answer(question, name)).values():
        if isinstance(marker, Bounds):
            assert marker.low <= default <= marker.high


@pytest.mark.parametrize("folder", [*QUESTIONS, "scoring"])
def test_every_answer_says_what_it_is_for(folder: str) -> None:
    for name in choices(folder):
        module = answer(folder, name)
        assert module.__doc__
        assert getattr(module, FOLDERS[folder].verb).__doc__


@pytest.mark.parametrize("name", choices("routing"))
@pytest.mark.parametrize("n_instances", [1, 4])
def test_routing_among_equals_takes_the_lowest_index_where_that_is_the_rule(name: str, n_instances: int) -> None:
    policy = bind("routing", "routing", name)
    view = router_view(n_instances, len(policy.scorers))
    before = [np.copy(part) for part in view]
    memory = memory_for(policy, n_instances, 10)

    target = plain(policy.decide)(view, REQUEST, policy.parameters, memory, np.zeros(n_instances))

    assert target == 0
    assert all(np.array_equal(old, new) for old, new in zip(before, view, strict=True))


@pytest.mark.parametrize("name", choices("routing"))
def test_routing_among_equals_takes_each_of_them_where_ties_are_drawn(name: str) -> None:
    policy = bind("routing", "routing", name)
    view, memory = router_view(4, len(policy.scorers)), memory_for(policy, 4, 200)

    targets = []
    for number in range(200):
        seen, request = view._replace(tie_draw=draw_of(17, number)), REQUEST._replace(prompt=number)
        targets.append(plain(policy.decide)(seen, request, policy.parameters, memory, np.zeros(4)))

    assert min(np.bincount(targets, minlength=4)) > 30


@pytest.mark.parametrize("name", choices("scoring"))
@pytest.mark.parametrize("n_instances", [1, 4])
def test_scores_lie_between_0_and_1(name: str, n_instances: int) -> None:
    out = np.full(n_instances, np.nan)

    answer("scoring", name).score(router_view(n_instances, 0), REQUEST, out)

    assert ((out >= 0) & (out <= 1)).all()


@pytest.mark.parametrize("name", choices("admission"))
def test_a_refusal_has_a_reason(name: str) -> None:
    policy = bind("admission", "admission", name)
    memory = memory_for(policy, 4, 10)

    verdict = plain(policy.decide)(router_view(4, 0), REQUEST, policy.parameters, memory)

    assert 0 <= verdict <= len(policy.flag("REASONS", ()))


@pytest.mark.parametrize(("question", "name"), [pair for pair in POLICIES if pair[0] in ("priority", "scheduling")])
def test_the_same_situation_gets_the_same_number(question: str, name: str) -> None:
    policy = bind(question, question, name)
    view, memory = QueueView(5_000, 0, 3, 2, 10, 50), memory_for(policy, 4, 10)

    first, second = (plain(policy.decide)(view, REQUEST, policy.parameters, memory) for _ in range(2))

    assert first == second
    assert np.isfinite(first)


@pytest.mark.parametrize("name", choices("preemption"))
def test_of_equal_candidates_the_newest_gives_way(name: str) -> None:
    policy = bind("preemption", "preemption", name)
    view = BatchView(0, 3, *(np.ones(3) for _ in range(5)), np.arange(3.0))

    assert plain(policy.decide)(view, policy.parameters, memory_for(policy, 1, 10)) == 2
