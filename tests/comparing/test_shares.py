import numpy as np

from evolve.comparing.shares import share_of


def test_half_of_a_gap_is_half_of_it() -> None:
    gap = np.array([0.10, 0.12, 0.08, 0.11, 0.09])

    share = share_of([0.5 * gap], [gap], 1)

    assert share is not None
    assert round(share.percent, 9) == 50.0
    assert 49.9 < share.low_percent <= share.high_percent < 50.1
    assert str(share) == "50 % [50, 50]"


def test_a_gap_that_is_no_more_than_noise_has_no_parts() -> None:
    assert share_of([np.array([0.1, 0.1])], [np.array([0.3, -0.2])], 1) is None
    assert share_of([np.array([0.1, 0.1])], [np.array([-0.3, -0.3001])], 1) is None
    assert share_of([np.array([0.1])], [np.array([0.3])], 1) is None


def test_noise_of_the_parts_widens_the_interval() -> None:
    gap = np.array([0.10, 0.12, 0.08, 0.11, 0.09])
    noise = np.array([0.05, -0.05, 0.02, -0.02, 0.0])

    sure, unsure = share_of([0.5 * gap], [gap], 1), share_of([0.5 * gap + noise], [gap], 1)

    assert sure is not None
    assert unsure is not None
    assert round(unsure.percent, 9) == 50.0
    assert unsure.low_percent < 30.0 < 70.0 < unsure.high_percent


def test_scenarios_weigh_alike_and_those_without_a_gap_count() -> None:
    large, none = np.array([0.20, 0.21, 0.19, 0.20]), np.array([0.001, -0.001, 0.001, -0.001])

    share = share_of([large, 0.0 * none], [large, none], 1)

    assert share is not None
    assert abs(share.percent - 100.0) < 0.5


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    held = []
    for trial in range(300):
        gap = 0.10 + 0.03 * random.standard_normal(6)
        closed = 0.4 * gap + 0.02 * random.standard_normal(6)
        share = share_of([closed], [gap], trial)
        if share is not None:
            held.append(share.low_percent <= 40.0 <= share.high_percent)

    assert len(held) > 280
    assert 0.91 < np.mean(held) < 0.99
