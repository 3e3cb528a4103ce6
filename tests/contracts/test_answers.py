"""What every file of a folder must honour; the folders are walked, so a new answer needs no new test."""

from typing import Any

import numpy as np
import pytest

from blis.engine._jit import plain
from blis.engine.choice import LOWEST_INDEX, draw_of
from blis.engine.state import MOST_QUEUES, MOST_TIERS
from blis.engine.swap_view import SwapView
from blis.engine.tier_rules_view import (
    ARC,
    BACK,
    EXCLUSIVE,
    LRU,
    PROMPTS_THROUGH,
    THROUGH,
    TierChainView,
    TierView,
)
from blis.engine.views import (
    BatchView,
    BlocksView,
    FlowsView,
    GatewayView,
    QueueView,
    RequestView,
    RouterView,
    TieringView,
)
from blis.foundation.answers import FOLDERS, QUESTIONS, answer, choices
from blis.foundation.slo import CLASSES
from blis.policies.binding import bind, fields, memory_for
from blis.policies.parameters import Bounds

POLICIES = [(question, name) for question in QUESTIONS for name in choices(question)]
REQUEST = RequestView(0, 1_000, 64, 4, 1, 0, -1, 0, 0, 0, 0.0)


def router_view(n_instances: int, n_scorers: int, tie_draw: int = LOWEST_INDEX) -> RouterView:
    """Instances that are all alike."""
    same = {name: np.full(n_instances, 2) for name in RouterView._fields}
    same |= {
        "candidates": np.arange(n_instances),
        "total_blocks": np.full(n_instances, 50),
        "is_known": np.ones(n_instances, int),
    }
    same |= {name: np.full(n_instances, 2_000.0) for name in ("expected_ttft_us", "expected_itl_us")}
    same |= {"sent_prompts": np.full((n_instances, len(CLASSES)), 2)}
    scalars: dict[str, Any] = {"clock_us": 5_000, "n_instances": n_instances, "block_size_tokens": 16}
    scalars |= {"session_instance": -1, "tie_draw": tie_draw, "draw": 7}
    scores = np.full((max(n_scorers, 1), n_instances), 0.5)
    return RouterView(**(same | scalars | {"n_scorers": n_scorers, "scorer_scores": scores}))


def blocks_view(**changes: Any) -> BlocksView:
    """Four blocks of one run on an instance of a hundred, and three queues of twenty that are alike."""
    view = BlocksView(
        5_000, 0, 100, 4, 0, 1, 1, 4_000, -1, -1, 0, 0, 0, 0, -1, 0, 0, 7, 9_000, 0.0,
        *(np.full(MOST_QUEUES, number) for number in (20, 10, 4, 1)),
    )  # fmt: skip
    return view._replace(**changes)


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


def uneven_view(n_instances: int, n_scorers: int) -> RouterView:
    """Instances that all differ, in every signal."""
    draws = np.random.default_rng(11)
    view = router_view(n_instances, n_scorers)
    uneven = {
        name: draws.integers(0, 40, part.shape).astype(part.dtype)
        for name, part in zip(RouterView._fields, view, strict=True)
        if isinstance(part, np.ndarray) and name not in ("candidates", "is_known", "total_blocks")
    }
    uneven |= {"scorer_scores": draws.random((max(n_scorers, 1), n_instances))}
    return view._replace(**uneven, session_instance=2)


def only(view: RouterView, kept: list[int]) -> RouterView:
    """The view of a cluster that consists of some of the instances alone."""
    parts = {
        name: part[:, kept] if name == "scorer_scores" else part[kept]
        for name, part in zip(RouterView._fields, view, strict=True)
        if isinstance(part, np.ndarray)
    }
    session = kept.index(view.session_instance) if view.session_instance in kept else -1
    parts |= {"candidates": np.arange(len(kept))}
    return view._replace(**parts, n_instances=len(kept), session_instance=session)


SUBSETS = [[0, 1, 2, 3, 4], [1, 3, 4], [0, 2], [4], [2, 3]]


@pytest.mark.parametrize("name", choices("routing"))
@pytest.mark.parametrize("kept", SUBSETS)
def test_routing_among_candidates_is_routing_in_a_cluster_of_these_alone(name: str, kept: list[int]) -> None:
    policy = bind("routing", "routing", name)
    view, route = uneven_view(5, len(policy.scorers)), plain(policy.decide)
    memory, few = memory_for(policy, 5, 10), memory_for(policy, len(kept), 10)
    restricted = view._replace(candidates=np.array(kept))

    for number in range(6):
        request = REQUEST._replace(request=number, prompt=number % 4)
        target = route(restricted, request, policy.parameters, memory, np.zeros(5))
        alone = route(only(view, kept), request, policy.parameters, few, np.zeros(len(kept)))

        assert target == kept[alone]


@pytest.mark.parametrize("name", choices("filtering"))
@pytest.mark.parametrize("left", SUBSETS)
def test_a_filter_keeps_or_lets_go_and_looks_at_candidates_alone(name: str, left: list[int]) -> None:
    policy = bind("filtering", "filtering", name)
    view, keep = uneven_view(5, 0), plain(policy.decide)
    before = [np.copy(part) for part in view]
    restricted = view._replace(candidates=np.array(left))

    kept, again, alone = np.full(5, 7), np.full(5, 7), np.ones(len(left), int)
    kept[left] = again[left] = 1
    keep(restricted, REQUEST, policy.parameters, kept)
    keep(restricted, REQUEST, policy.parameters, again)
    keep(only(view, left), REQUEST, policy.parameters, alone)

    assert set(kept[left].tolist()) <= {0, 1}
    assert kept.tolist() == again.tolist()
    assert kept[left].tolist() == alone.tolist()
    assert all(kept[instance] == 7 for instance in range(5) if instance not in left)
    assert all(np.array_equal(old, new) for old, new in zip(before, view, strict=True))


@pytest.mark.parametrize("name", choices("filtering"))
def test_a_filter_treats_instances_that_are_alike_alike(name: str) -> None:
    policy = bind("filtering", "filtering", name)
    kept = np.ones(4, int)

    plain(policy.decide)(router_view(4, 0), REQUEST, policy.parameters, kept)

    assert len(set(kept.tolist())) == 1


@pytest.mark.parametrize("name", choices("scoring"))
@pytest.mark.parametrize("kept", SUBSETS)
def test_candidates_are_scored_as_in_a_cluster_of_these_alone(name: str, kept: list[int]) -> None:
    view, score = uneven_view(5, 0), answer("scoring", name).score
    out, alone = np.full(5, np.nan), np.full(len(kept), np.nan)

    score(view._replace(candidates=np.array(kept)), REQUEST, out)
    score(only(view, kept), REQUEST, alone)

    assert out[kept].tolist() == alone.tolist()


@pytest.mark.parametrize("name", choices("admission"))
def test_admission_can_be_asked_where_there_is_no_candidate(name: str) -> None:
    policy = bind("admission", "admission", name)
    view = router_view(4, 0)._replace(candidates=np.zeros(0, int))

    verdict = plain(policy.decide)(view, REQUEST, policy.parameters, memory_for(policy, 4, 10))

    assert 0 <= verdict <= len(policy.flag("REASONS", ()))


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


@pytest.mark.parametrize("name", choices("eviction"))
def test_the_same_blocks_get_the_same_finite_rank(name: str) -> None:
    policy = bind("eviction", "eviction", name)
    view, memory = blocks_view(), memory_for(policy, 4, 10)
    before = [np.copy(part) for part in view]

    first, second = (plain(policy.decide)(view, policy.parameters, memory) for _ in range(2))

    assert first == second
    assert np.isfinite(first)
    assert all(np.array_equal(old, new) for old, new in zip(before, view, strict=True))


SEVERAL_QUEUES = [name for name in choices("eviction") if getattr(answer("eviction", name), "N_QUEUES", 1) > 1]


@pytest.mark.parametrize("name", SEVERAL_QUEUES)
@pytest.mark.parametrize("in_queue", [-1, 0, 1])
@pytest.mark.parametrize("ghost_queue", [-1, 0, 1])
def test_blocks_are_kept_in_a_queue_that_there_is(name: str, in_queue: int, ghost_queue: int) -> None:
    policy, file = bind("eviction", "eviction", name), answer("eviction", name)
    view = blocks_view(in_queue=in_queue, ghost_queue=ghost_queue, ghost_blocks_found=2 if ghost_queue >= 0 else 0)

    assert file.N_QUEUES <= MOST_QUEUES
    assert 0 <= file.queue(view, policy.parameters, memory_for(policy, 4, 10)) < file.N_QUEUES


@pytest.mark.parametrize("name", SEVERAL_QUEUES)
def test_a_queue_gives_way_after_some_moves_whatever_the_queues_hold(name: str) -> None:
    policy, file = bind("eviction", "eviction", name), answer("eviction", name)
    draw = np.random.default_rng(1)
    for _ in range(300):
        memory = memory_for(policy, 4, 10)
        runs = draw.integers(0, 8, MOST_QUEUES) * (np.arange(MOST_QUEUES) < file.N_QUEUES)
        frequency, most_moves = draw.integers(0, 9, MOST_QUEUES), 2 * int(runs.sum())
        while True:
            view = blocks_view(queue_blocks=4 * runs, head_blocks=4 * (runs > 0), head_frequency=frequency)
            answered = file.give_way(view, policy.parameters, memory)
            if answered < MOST_QUEUES:
                break
            source, target = answered // MOST_QUEUES - 1, answered % MOST_QUEUES
            assert source != target
            assert max(source, target) < file.N_QUEUES
            assert runs[source] > 0
            runs[source], runs[target] = runs[source] - 1, runs[target] + 1
            most_moves -= 1
            assert most_moves >= 0
        assert 0 <= answered < file.N_QUEUES


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


def tiering_view(**changes: Any) -> TieringView:
    """A request with ten blocks on the GPU, four more in the nearest tier, and two behind them in the next."""
    view = TieringView(
        5_000, 0, 0, 1, 0, 0, 320, 16, 10, 6, 200, 400, 1, 3, 100, 50, np.array([4, 6, 6, 6])
    )  # fmt: skip
    return view._replace(**changes)


@pytest.mark.parametrize("name", choices("tiering"))
@pytest.mark.parametrize("load_us", [0, 399, 400, 10**9])
@pytest.mark.parametrize("leading", [[6, 6, 6, 6], [0, 0, 0, 6], [4, 6, 6, 6]])
def test_no_more_is_loaded_than_was_found(name: str, load_us: int, leading: list[int]) -> None:
    policy = bind("tiering", "tiering", name)
    view, memory = tiering_view(load_us=load_us, leading_blocks=np.array(leading)), memory_for(policy, 4, 10)
    assert len(leading) == MOST_TIERS

    first, second = (plain(policy.decide)(view, policy.parameters, memory) for _ in range(2))

    assert first == second
    assert 0 <= first <= view.found_blocks
    assert view.leading_blocks.tolist() == leading


#: The second of three tiers, and a chain of them.
TIER, CHAIN = TierView(1, 3, 0, 500, 100, ARC), TierChainView(3, 1, 9_000, 100, BACK)
TIER_RULES = {"tier_eviction": (TIER, (LRU, ARC)), "tier_writing": (CHAIN, (THROUGH, PROMPTS_THROUGH, BACK, EXCLUSIVE))}


@pytest.mark.parametrize(("question", "name"), [(one, name) for one in TIER_RULES for name in choices(one)])
def test_tiers_get_a_rule_that_there_is_and_the_default_is_what_the_cluster_says(question: str, name: str) -> None:
    policy, (view, rules) = bind(question, question, name), TIER_RULES[question]

    for configured in rules:
        for shared in (0, 1):
            seen = view._replace(configured=configured, is_shared=shared)
            first, second = (plain(policy.decide)(seen, policy.parameters, np.zeros(1)) for _ in range(2))
            assert first == second
            assert first in rules
            if name == "as-configured":
                assert first == configured


#: A victim of 320 tokens in 20 blocks, for which there is room; both copies take 300 µs, computing 400.
VICTIM = SwapView(5_000, 0, 0, 1, 0, 0, 300, 1, 320, 20, 16, 100, 40, 200, 100, 400, 0, 1, 3, 100, 50)


@pytest.mark.parametrize("name", choices("preemption_mode"))
def test_a_victim_that_costs_less_to_compute_is_no_likelier_to_be_kept(name: str) -> None:
    policy = bind("preemption_mode", "preemption_mode", name)

    def is_kept(**changes: int) -> bool:
        memory = memory_for(policy, 4, 10)
        first, second = (plain(policy.decide)(VICTIM._replace(**changes), policy.parameters, memory) for _ in range(2))
        assert first == second
        return bool(first)

    for longer, shorter in ((10**9, 400), (400, 300), (300, 0)):
        assert is_kept(compute_us=longer) >= is_kept(compute_us=shorter)
    for tokens in (1, 320, 100_000):
        assert is_kept(stored_tokens=tokens) >= is_kept(stored_tokens=1)
        assert is_kept(out_us=0, stored_tokens=tokens) >= is_kept(out_us=10**9, stored_tokens=tokens)
    never = bool(policy.flag("NEVER_SWAPS", False))
    assert is_kept(compute_us=10**12, stored_tokens=10**7) is not never
