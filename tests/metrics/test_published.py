"""Published aggregates: literal numbers from the description of the reference programs."""

from types import SimpleNamespace

import numpy as np
import pytest

from blis.engine.codes import COMPLETED, RUNNING
from blis.foundation.errors import ConfigError, UnknownChoiceError
from blis.metrics.published import Sample, distribution, fitness, in_ms, percentile, routing_trace, sample_of
from blis.metrics.published_anomalies import count_inverted, head_of_line_blocking, inversions


def times(*values):
    return np.array(values, np.int64)


def test_percentiles_interpolate_between_order_statistics():
    sample = sample_of(times(40, 10, 30, 20))

    assert percentile(sample, 50) == 25.0  # rank 1.5
    assert percentile(sample, 95) == pytest.approx(38.5, rel=1e-12)  # rank 2.85
    assert percentile(sample, 0) == 10.0
    assert percentile(sample, 100) == 40.0


def test_a_percentile_of_one_value_is_the_value_and_of_none_is_zero():
    assert percentile(sample_of(times(7)), 99) == 7.0
    assert percentile(sample_of(times()), 99) == 0.0


def test_counted_values_have_the_percentiles_of_the_values_written_out():
    counted = Sample(times(5, 8), times(3, 2))  # 5 5 5 8 8

    assert percentile(counted, 50) == 5.0
    assert percentile(counted, 60) == pytest.approx(6.2, rel=1e-12)  # rank 2.4
    assert counted.mean == 6.2


def test_milliseconds_are_a_thousandth_of_microseconds():
    # ranks 0.9, 0.95, 0.99 between 1000 and 3000
    assert in_ms(sample_of(times(1000, 3000))) == pytest.approx({"mean": 2.0, "p90": 2.8, "p95": 2.9, "p99": 2.98})


def test_the_distribution_of_nothing_is_all_zero():
    zero = distribution(sample_of(times()))

    assert zero == {"mean": 0.0, "p50": 0.0, "p95": 0.0, "p99": 0.0, "min": 0, "max": 0, "count": 0}


def test_fitness_of_the_worked_example():
    ttft, e2e = {"p99": 250_000.0}, {"mean": 400_000.0}

    found = fitness({"throughput": 0.5, "p99_ttft": 0.3, "mean_e2e": 0.2}, 50.0, 0.0, {"ttft": ttft, "e2e": e2e})

    assert found["components"] == pytest.approx({"throughput": 1 / 3, "p99_ttft": 1 / 251, "mean_e2e": 1 / 401})
    assert found["score"] == pytest.approx(0.168361, abs=5e-7)


def test_fitness_of_a_published_run():
    weights = {"throughput": 0.4, "tokens_per_sec": 0.1, "p99_ttft": 0.2, "p50_e2e": 0.3}
    distributions = {"ttft": {"p99": 12788.22}, "e2e": {"p50": 646631.0}}

    found = fitness(weights, 22.59105891, 10904.70413620, distributions)

    assert found["score"] == pytest.approx(0.140844, abs=5e-7)
    assert list(found["components"]) == ["p50_e2e", "p99_ttft", "throughput", "tokens_per_sec"]


def test_an_unknown_fitness_component_is_named():
    with pytest.raises(UnknownChoiceError, match="no choice named 'p99_tftt'; did you mean 'p99_ttft'"):
        fitness({"p99_tftt": 1.0}, 1.0, 1.0, {})


def test_a_negative_fitness_weight_is_refused():
    with pytest.raises(ConfigError, match=r"fitness_weights.throughput must be a finite number ≥ 0; got -1"):
        fitness({"throughput": -1}, 1.0, 1.0, {})


def test_an_inversion_needs_more_than_twice_the_later_time():
    assert count_inverted(times(20, 10)) == 0  # exactly twice
    assert count_inverted(times(21, 10)) == 1
    assert count_inverted(times(10, 21)) == 0
    assert count_inverted(times(90, 40, 10)) == 3
    assert count_inverted(times()) == 0
    assert count_inverted(times(5)) == 0


@pytest.mark.parametrize("n", [2, 3, 7, 64, 301])
def test_inversions_are_those_of_all_pairs_looked_at_one_by_one(n):
    e2e_us = np.random.default_rng(n).integers(0, 40, n)

    pairs = sum(int(e2e_us[i]) > 2 * int(e2e_us[j]) for i in range(n) for j in range(i + 1, n))

    assert count_inverted(e2e_us) == pairs


def inverted_outcome():
    """Three instances' worth of requests; by instance: (90, 40), (100, 10) of two classes, (80, unfinished)."""
    rows = SimpleNamespace(
        status=times(COMPLETED, COMPLETED, COMPLETED, COMPLETED, COMPLETED, RUNNING),
        instance=times(0, 1, 0, 1, 2, 2),
        e2e_us=times(90, 100, 40, 10, 80, -1),
    )
    requests = SimpleNamespace(slo_class=np.array([0, 0, 0, 1, 0, 0], np.int32), slo_classes=("", "batch"))
    return SimpleNamespace(requests=rows), requests


def test_in_april_inversions_stay_within_an_instance_and_a_class():
    outcome, requests = inverted_outcome()

    assert inversions(outcome, requests, within_class=True) == 1


def test_in_february_all_classes_of_an_instance_are_compared():
    outcome, requests = inverted_outcome()

    assert inversions(outcome, requests, within_class=False) == 2


def queues(*pairs):
    return SimpleNamespace(queue_sum=times(*(pair[0] for pair in pairs)), steps=times(*(pair[1] for pair in pairs)))


def test_an_instance_blocks_when_its_mean_queue_exceeds_twice_the_mean():
    crowded = queues((70, 10), (10, 10), (10, 10))  # means 7, 1, 1; twice their mean is 6
    level = queues((60, 10), (10, 10), (20, 10))  # means 6, 1, 2: exactly twice their mean

    assert head_of_line_blocking(crowded, counts_idle=True) == 1
    assert head_of_line_blocking(level, counts_idle=True) == 0


def test_two_instances_never_block():
    assert head_of_line_blocking(queues((50, 10), (0, 10)), counts_idle=True) == 0


def test_idle_instances_count_in_april_and_are_left_out_in_february():
    one_busy = queues((50, 10), (0, 0), (0, 0))

    assert head_of_line_blocking(one_busy, counts_idle=True) == 1
    assert head_of_line_blocking(one_busy, counts_idle=False) == 0


def test_nothing_blocks_where_no_queue_forms():
    assert head_of_line_blocking(queues((0, 5), (0, 5), (0, 5)), counts_idle=True) == 0


def test_the_mean_regret_is_over_routed_requests():
    outcome = SimpleNamespace(n_admitted=3, n_rejected=2, instances=SimpleNamespace(routed_requests=times(2, 0, 1)))

    found = routing_trace(outcome, np.array([0.0, 4.0, np.nan, np.nan, 2.0]))

    assert found == {
        "decisions": 5,
        "admitted": 3,
        "rejected": 2,
        "mean_regret": 2.0,
        "max_regret": 4.0,
        "unique_targets": 2,
        "requests_per_instance": {"0": 2, "2": 1},
    }
