"""What docs/fleet.md says of the tiers' order, worked out by hand on the slow simulator's own stores."""

from typing import Any

from tests.reference.naive_request import Request
from tests.reference.naive_tiers import Store, Tiers


def store(capacity: int, eviction: str = "lru", shared: bool = False, write_us: int = 0) -> Store:
    return Store({"block_us": 1, "write_us": write_us, "capacity": capacity, "eviction": eviction, "shared": shared})


def chain(*stores: Store, shared: tuple[int, ...] = (), **rules: Any) -> Tiers:
    return Tiers(list(stores), {"minimum_blocks": 0} | rules, set(shared))


def request(prompt_tokens: int) -> Request:
    return Request(0, 0, list(range(prompt_tokens)), [], "")


def test_a_text_loses_its_end_first_and_only_what_is_used_becomes_recent() -> None:
    tier = store(4)
    tier.write([1, 2, 3, 4], now=0)
    assert list(tier.once) == [4, 3, 2, 1]

    for block in (2, 1):
        tier.use(block)
    tier.write([8], now=0)

    assert list(tier.once) == [3, 2, 1, 8]


def test_a_write_uses_what_is_there_before_it_makes_room_and_drops_its_end() -> None:
    tier = store(3)
    tier.write([1, 2, 9], now=0)
    assert list(tier.once) == [9, 2, 1]

    tier.write([1, 9, 5, 6, 7], now=0)

    # 2 goes for 5; nothing goes for 6 and 7, since 1 and 9 are a part of the write.
    assert list(tier.once) == [5, 9, 1]


def test_of_a_write_that_is_larger_than_the_tier_the_beginning_stays() -> None:
    tier = store(2)

    tier.write([1, 2, 3], now=0)

    assert list(tier.once) == [2, 1]


def test_what_is_being_written_stays_and_is_read_when_it_has_come() -> None:
    tier = store(3, write_us=10)
    tiers = chain(tier)
    tier.write([1, 2], now=0)

    tier.write([3, 4, 5], now=15)
    assert list(tier.once) == [2, 1, 3], "nothing may go until 20, so there is room for one, which is there at 30"
    assert tiers.load(tiers.find([3]), [3], now=16) == 30
    assert tiers.load(tiers.find([1]), [1], now=29) == 30, "as long as the read takes"

    tier.write([6], now=31)
    assert list(tier.once) == [3, 1, 6]


def test_blocks_used_again_stay_while_there_are_as_many_used_once_as_there_should_be() -> None:
    tier = store(3, "arc")
    tier.write([1, 2, 3], now=0)
    tier.use(3)

    tier.write([4], now=0)

    # The target is 0: the least recently used of those that were used once goes, though 3 was written first.
    assert (list(tier.once), list(tier.again)) == ([1, 4], [3])
    assert list(tier.names["once"]) == [2]


def test_a_name_that_comes_back_moves_the_target_and_counts_as_used_again() -> None:
    tier = store(2, "arc")
    for block in (1, 2, 3):
        tier.write([block], now=0)
    assert list(tier.names["once"]) == [1]

    tier.write([1], now=0)

    # The target is 1: of two that were used once, the older goes.
    assert tier.target == 1.0
    assert (list(tier.once), list(tier.again), list(tier.names["once"])) == ([3], [1], [2])


def test_written_back_each_block_pushes_one_out_to_the_next_tier() -> None:
    near, far = store(1), store(2)
    tiers = chain(near, far, write="back")

    for block in (3, 2, 1):
        tiers.note_evicted(block)

    assert (list(near.once), list(far.once)) == ([1], [3, 2])


def test_written_through_what_others_share_goes_at_once_and_the_rest_when_the_request_leaves() -> None:
    tier = store(9)
    tiers = chain(tier, shared=(1, 2))
    one = request(5)

    tiers.note_keyed(one, 0, [1, 2, 3], block_size=1)
    assert list(tier.once) == [2, 1]
    tiers.note_given_back(one, [1, 2, 3], block_size=1, may_return=False)

    assert list(tier.once) == [2, 1, 3]


def test_where_prompts_alone_are_written_the_output_is_not() -> None:
    tier = store(9)
    tiers = chain(tier, shared=(1, 2, 3), prompt_only=True)

    tiers.note_keyed(request(4), 1, [2, 3], block_size=2)

    assert list(tier.once) == [2]


def test_exclusive_blocks_leave_their_own_tiers_and_not_the_one_that_is_shared() -> None:
    own, common = store(4), store(4, shared=True)
    tiers = chain(own, common, write="back", placement="exclusive")
    for place in (own, common):
        place.write([1, 2], now=0)

    tiers.load(tiers.find([1]), [1], now=0)
    tiers.note_keyed(request(2), 0, [2], block_size=1)

    assert (list(own.once), list(common.once)) == ([], [2, 1])
