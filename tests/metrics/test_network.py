"""Latencies as clients measure them."""

from types import SimpleNamespace

import numpy as np
import pytest

from blis.engine.codes import COMPLETED, REJECTED
from blis.metrics.network import delay_us, network_figures
from blis.workload.labels import Labels
from blis.workload.network import Network
from blis.workload.prefixes.keys import PrefixKeys
from blis.workload.table import requests_of


def requests(networks, client, input_tokens, output_tokens):
    n = len(client)
    return requests_of(
        arrival_us=np.arange(n),
        input_tokens=np.array(input_tokens),
        output_tokens=np.array(output_tokens),
        keys=PrefixKeys(np.zeros(n + 1, np.int64), np.zeros(0, np.int64), np.arange(n)),
        block_size_tokens=16,
        client=Labels(np.array(client, np.int32), tuple(f"c{k}" for k in range(len(networks)))),
        networks=networks,
    )


def outcome(ttft_us, e2e_us, status=None):
    n = len(ttft_us)
    status = np.full(n, COMPLETED) if status is None else np.array(status)
    return SimpleNamespace(status=status, ttft_us=np.array(ttft_us), e2e_us=np.array(e2e_us))


def test_a_thousand_tokens_take_320_us_at_100_mbit():
    table = requests((Network(0.0, 100.0),), [0], [1000], [5])

    assert delay_us(table, table.input_tokens).tolist() == [320.0]


def test_the_way_there_and_back_is_added_to_both():
    table = requests((Network(2000.0, 100.0),), [0], [1000], [500])
    figures = network_figures(table, outcome([10_000], [90_000]))

    assert figures["client_ttft_mean_ms"] == pytest.approx(10 + 2 + 0.32)
    assert figures["client_e2e_mean_ms"] == pytest.approx(90 + 2 + 0.32 + 0.16)


def test_no_bandwidth_means_no_limit():
    table = requests((Network(2000.0, 0.0),), [0], [1000], [500])

    assert network_figures(table, outcome([10_000], [90_000]))["client_e2e_mean_ms"] == 92.0


def test_clients_differ():
    table = requests((Network(4000.0, 0.0), Network()), [0, 1], [10, 10], [5, 5])
    figures = network_figures(table, outcome([1000, 1000], [2000, 2000]))

    assert figures["client_ttft_mean_ms"] == 3.0  # 5 ms and 1 ms


def test_only_completed_requests_count():
    table = requests((Network(1000.0, 0.0),), [0, 0, 0], [10, 10, 10], [5, 0, 5])
    figures = network_figures(table, outcome([1000, -1, -1], [3000, 4000, -1], [COMPLETED, COMPLETED, REJECTED]))

    assert figures["client_ttft_mean_ms"] == 2.0
    assert figures["client_e2e_mean_ms"] == 4.5


def test_nothing_is_said_without_networks():
    table = requests((), [-1], [10], [5])

    assert network_figures(table, outcome([1000], [3000])) == {}
