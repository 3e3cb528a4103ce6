"""Gains on other members and on other families: what the intervals hold, and what they refuse to say."""

import math

import numpy as np
import pytest

from evolve.comparing.hierarchy import Generalisation, Hierarchy, generalisation, in_words

FAMILIES, MEMBERS, SEEDS = 6, 4, 4


def hierarchy(families: int = FAMILIES, members: int = MEMBERS, seen: int = 0) -> Hierarchy:
    family_of = {f"f{family}#{member}": f"f{family}" for family in range(families) for member in range(members)}
    return Hierarchy(family_of, frozenset(f"f{family}" for family in range(seen)))


def found(
    random: np.random.Generator, truth: float, between_families: float, between_members: float, noise: float, trial: int
) -> tuple[Generalisation, float]:
    """A nested sample, and the mean of the families that it has."""
    means, centres = {}, []
    own = hierarchy()
    for members in own.members(own.families).values():
        centre = truth + random.normal(0.0, between_families)
        centres.append(centre)
        for member in members:
            gains = centre + random.normal(0.0, between_members) + random.normal(0.0, noise, SEEDS)
            means[member] = float(gains.mean())
    return generalisation(own, means, 1, trial), float(np.mean(centres))


@pytest.mark.parametrize(
    ("between_families", "between_members", "noise"),
    [(0.08, 0.05, 0.05), (0.0, 0.05, 0.05), (0.08, 0.0, 0.1), (0.02, 0.1, 0.02)],
)
def test_intervals_hold_the_truth_as_often_as_they_say(
    between_families: float, between_members: float, noise: float
) -> None:
    truth, trials = 0.05, 400
    random = np.random.default_rng(11)
    on_members = on_families = 0
    for trial in range(trials):
        one, centre = found(random, truth, between_families, between_members, noise, trial)
        assert one.members is not None
        assert one.families is not None
        on_members += one.members.low_percent <= 100.0 * math.expm1(centre) <= one.members.high_percent
        on_families += one.families.low_percent <= 100.0 * math.expm1(truth) <= one.families.high_percent

    assert 0.92 <= on_members / trials <= 0.98
    assert 0.92 <= on_families / trials <= 0.98


def test_to_expect_of_other_families_is_less_certain_than_of_other_members() -> None:
    random = np.random.default_rng(2)
    one, _ = found(random, 0.05, 0.2, 0.02, 0.02, 0)

    assert one.members is not None
    assert one.families is not None
    assert one.families.half_width > 3.0 * one.members.half_width


def test_families_that_a_search_has_met_say_nothing_of_others() -> None:
    own = hierarchy(seen=3)
    means = {name: 0.5 if family in own.seen else -0.1 for name, family in own.family_of.items()}
    one = generalisation(own, means, 1)

    assert one.known == ("f0", "f1", "f2")
    assert one.unknown == ("f3", "f4", "f5")
    assert one.members is not None
    assert one.families is not None
    assert one.members.gain_percent == pytest.approx(100.0 * math.expm1(0.5))
    assert one.families.gain_percent == pytest.approx(100.0 * math.expm1(-0.1))


def test_fewer_than_three_families_are_no_sample() -> None:
    own = hierarchy(families=2)
    one = generalisation(own, dict.fromkeys(own.family_of, 0.1), 1)

    assert one.families is None
    assert "of other families these say nothing" in in_words(one, "rival")


def test_single_members_say_nothing_of_other_members() -> None:
    own = hierarchy(members=1)
    random = np.random.default_rng(3)
    means = {name: float(random.normal(0.1, 0.02)) for name in own.family_of}
    one = generalisation(own, means, 1)

    assert one.members is None
    assert one.families is not None
    assert "nothing certain, as families have single members" in in_words(one, "rival")


def test_intervals_are_reproducible() -> None:
    one, _ = found(np.random.default_rng(7), 0.05, 0.1, 0.05, 0.05, 3)
    other, _ = found(np.random.default_rng(7), 0.05, 0.1, 0.05, 0.05, 3)

    assert one == other
