"""What every file of a folder must honour; the folders are walked, so a new answer needs no new test."""

from typing import Any

import numpy as np
import pytest

from blis.engine._jit import plain
from blis.engine.choice import LOWEST_INDEX, draw_of
from blis.engine.views import BatchView, FlowsView, GatewayView, QueueView, RequestView, RouterView
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


def gateway_view(n_instances: int = 4, **changes: Any) -> GatewayView:
    """A queue in which the middle one of three bands is asked about."""
    seen = GatewayView(
        clock_us=5_000, queued_requests=7, queued_tokens=448, in_transit_requests=1, in_transit_tokens=64,
        in_flight_tokens=np.full(n_instances, 128), report_age_us=0, saturation=0.7, band=1, n_bands=3, urgency=-1.0,
        most_urgency=4.0, least_urgency=-3.0, band_queued_requests=2, ttl_us=60_000_000,
    )  # fmt: skip
    return seen._replace(**changes)


def flows_view(order: list[int]) -> FlowsView:
    """Four tenants of eight that differ in everything, listed in some order."""
    columns = [
        [6.0, 1.0, 3.0, 0.0],  # tenant
        [2.0, 0.5, 0.5, 9.0],  # key
        [11.0, 14.0, 12.0, 13.0],  # rank
        [100.0, 400.0, 200.0, 300.0],  # enqueued
        [64.0, 16.0, 32.0, 8.0],
        [3.0, 1.0, 2.0, 9.0],  # queued
        [50.0, 400.0, 10.0, 30.0],  # active since
        [5.0, 2.0, 7.0, 1.0],
        [500.0, 90.0, 900.0, 10.0],
        [50.0, 70.0, 10.0, 800.0],
        [40.0, 10.0, 20.0, 0.0],
    ]
    return FlowsView(5_000, 4, 8, 3, *(np.array(column)[order] for column in columns))


@pytest.mark.parametrize("name", choices("saturation"))
@pytest.mark.parametrize("n_instances", [1, 4])
def test_a_saturation_is_a_number_that_leaves_the_view_as_it_is(name: str, n_instances: int) -> None:
    policy, view, gateway = bind("saturation", "saturation", name), router_view(n_instances, 0), gateway_view(4)
    before = [np.copy(part) for part in view]
    memory = memory_for(policy, n_instances, 10)

    measured = [plain(policy.decide)(view, gateway, policy.parameters, memory) for _ in range(2)]

    assert measured[0] == measured[1]
    assert np.isfinite(measured[0])
    assert measured[0] >= 0
    assert all(np.array_equal(old, new) for old, new in zip(before, view, strict=True))


@pytest.mark.parametrize("name", choices("saturation"))
def test_a_fuller_cluster_is_no_less_saturated(name: str) -> None:
    policy, view = bind("saturation", "saturation", name), router_view(4, 0)
    fuller = view._replace(
        queued_requests=view.queued_requests * 9,
        used_blocks=view.used_blocks * 20,
        in_flight_requests=view.in_flight_requests * 9,
        queued_tokens=view.queued_tokens * 9,
    )

    levels = [
        plain(policy.decide)(seen, gateway_view(), policy.parameters, memory_for(policy, 4, 10))
        for seen in (view, fuller)
    ]

    assert levels[0] <= levels[1]


@pytest.mark.parametrize("name", choices("fairness"))
def test_fairness_chooses_one_who_waits_whatever_the_order_of_the_list(name: str) -> None:
    policy = bind("fairness", "fairness", name)

    chosen = set()
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        view = flows_view(order)
        place = plain(policy.decide)(view, policy.parameters, memory_for(policy, 4, 10, 8))
        assert 0 <= place < view.n_flows
        chosen.add(view.tenant[place])

    assert len(chosen) == 1


@pytest.mark.parametrize("name", choices("queue_order"))
def test_a_place_in_the_queue_is_a_number(name: str) -> None:
    policy = bind("queue_order", "queue_order", name)

    for request in (REQUEST, REQUEST._replace(session=3, expected_output_tokens=17.0)):
        assert np.isfinite(plain(policy.decide)(gateway_view(), request, policy.parameters, memory_for(policy, 4, 10)))


@pytest.mark.parametrize("name", choices("ceiling"))
@pytest.mark.parametrize("saturation", [0.0, 0.4, 0.7, 0.99, 1.0, 3.0])
def test_less_urgent_bands_have_no_higher_ceilings(name: str, saturation: float) -> None:
    policy = bind("ceiling", "ceiling", name)
    memory, bands = memory_for(policy, 4, 10), enumerate((4.0, -1.0, -3.0))

    ceilings = [
        plain(policy.decide)(
            gateway_view(saturation=saturation, band=place, urgency=urgency), policy.parameters, memory
        )
        for place, urgency in bands
    ]

    assert ceilings == sorted(ceilings, reverse=True)
    assert all(0 <= ceiling <= 1 for ceiling in ceilings)


@pytest.mark.parametrize("name", choices("ceiling"))
def test_a_band_alone_is_open_while_the_cluster_is_not_full(name: str) -> None:
    policy = bind("ceiling", "ceiling", name)
    alone = gateway_view(saturation=0.9, band=0, n_bands=1, most_urgency=-1.0, least_urgency=-1.0)

    assert plain(policy.decide)(alone, policy.parameters, memory_for(policy, 4, 10)) > 0.9
