"""Sessions of a specification: rounds, think times, growth of the context, tools and thoughts."""

import numpy as np
import pytest
from scipy import stats

from blis.foundation.errors import ConfigError
from blis.workload.kinds.spec import Params, generate
from tests.workload.token_oracle import assert_matches_tokens

CLIENT = {
    "id": "c",
    "rate_fraction": 1,
    "arrival": {"process": "poisson"},
    "input_distribution": {"type": "constant", "params": {"value": 10}},
    "output_distribution": {"type": "constant", "params": {"value": 3}},
}
CHAT = {"rounds": 4, "think_time_ms": 2000}


def requests_of(*clients, seed=1, block_size=4, **keys):
    document = {"aggregate_rate": 10.0, "num_requests": 400, "clients": [{**CLIENT, **c} for c in clients], **keys}
    return generate(Params.from_mapping("workload", {"spec": document}), seed, block_size)


def rows_of(requests, name):
    return np.flatnonzero(requests.session == requests.sessions.index(name))


def texts_of(requests, plan_tokens=2**62):
    """Prompts and whole sequences as literal tokens, from lengths, sessions and rounds alone."""
    prompts, wholes, history = [], [], {}
    for row in range(len(requests)):
        session, group = int(requests.session[row]), int(requests.prefix_group[row])
        start = [("group", group, position) for position in range(requests.prefix_tokens[row])]
        said = history.setdefault(session, []) if session >= 0 else []
        repeated = said[-plan_tokens:] if plan_tokens else []
        new = requests.input_tokens[row] - len(start) - len(repeated)
        assert new >= 1
        own = [("own", row, position) for position in range(new + requests.output_tokens[row])]
        said += own
        prompts.append(start + repeated + own[:new])
        wholes.append(start + repeated + own)
    return prompts, wholes


def test_context_is_counted_once():
    requests = requests_of({"sessions": CHAT})

    rows = rows_of(requests, "c/3")
    assert requests.input_tokens[rows].tolist() == [10, 23, 36, 49]
    assert requests.round[rows].tolist() == [0, 1, 2, 3]


def test_the_older_form_of_sessions_keeps_its_times():
    # think time plus 1 µs per output token, as the reference has it
    turns = {"multi_turn": {"max_rounds": 4, "think_time_us": 2000, "context_growth": "accumulate"}}
    requests = requests_of({"reasoning": turns, "loop": "open"})

    rows = rows_of(requests, "c/0")
    since_start = requests.arrival_us[rows] - requests.arrival_us[rows[0]]
    assert since_start.tolist() == pytest.approx([0, 2003, 4006, 6009], abs=1)  # each is rounded by itself
    assert requests.input_tokens[rows].tolist() == [10, 23, 36, 49]


def test_the_older_form_without_growth_has_independent_rounds():
    requests = requests_of({"reasoning": {"multi_turn": {"max_rounds": 4}}})

    assert set(requests.input_tokens.tolist()) == {10}
    assert requests.n_keys == 0


def test_the_estimated_duration_of_an_answer_delays_the_next_round():
    requests = requests_of({"sessions": CHAT, "estimated_us_per_output_token": 1000})

    rows = rows_of(requests, "c/0")
    assert np.diff(requests.arrival_us[rows]).tolist() == pytest.approx([2_003_000] * 3, abs=1)


@pytest.mark.parametrize("growth", ["accumulate", "full", "none", "bounded"])
@pytest.mark.parametrize("prefix", [{}, {"prefix_groups": [{"name": "a", "tokens": 9}, {"name": "b", "tokens": 6}]}])
def test_keys_agree_with_the_literal_conversation(growth, prefix, assert_lawful):
    bound = {"max_context_tokens": 30} if growth == "bounded" else {}
    varying = {"type": "exponential", "params": {"mean": 6}}
    client = {"sessions": {**CHAT, "context_growth": growth, **bound}, "input_distribution": varying, **prefix}
    requests = requests_of(client, num_requests=60)

    most = {"none": 0, "bounded": 30}.get(growth, 2**62)
    assert_matches_tokens(requests, *texts_of(requests, most), 4)
    assert_lawful(requests)


def test_a_bounded_context_repeats_at_most_its_bound():
    plan = {**CHAT, "rounds": 6, "context_growth": "bounded", "max_context_tokens": 30}
    requests = requests_of({"sessions": plan})

    assert requests.input_tokens[rows_of(requests, "c/0")].tolist() == [10, 23, 36, 40, 40, 40]


def test_sessions_overlap_and_start_as_the_process_says():
    requests = requests_of({"sessions": CHAT}, num_requests=40_000)

    starts = requests.arrival_us[requests.round == 0]
    # 10 requests/s in sessions of 4 are 2.5 sessions/s
    assert stats.kstest(np.diff(starts), stats.expon(scale=400_000).cdf).pvalue > 0.01
    ends = requests.arrival_us[requests.round == 3]
    assert starts[1] < ends[0]


def test_the_rate_counts_all_rounds():
    plan = {"rounds": {"type": "exponential", "params": {"mean": 5}}, "think_time_ms": 100}
    requests = requests_of({"sessions": plan}, num_requests=100_000)

    # a sum over about 19 000 sessions whose squared rounds average twice the square of the mean: deviation 1.1 %
    assert requests.arrival_us[-1] / 1e6 == pytest.approx(10_000, rel=0.035)


def test_rounds_and_think_times_have_their_distributions():
    plan = {
        "rounds": {"type": "empirical", "params": {"1": 1, "3": 2, "7": 1}},
        "think_time_ms": {"type": "exponential", "params": {"mean": 50_000}},
    }
    requests = requests_of({"sessions": plan}, num_requests=0, horizon=4_000_000_000)

    early = requests.arrival_us < 2_000_000_000  # their sessions end before the horizon
    complete = np.unique(requests.session[early & (requests.round == 0)])
    rounds = np.bincount(requests.session)[complete]
    assert [(rounds == n).mean() for n in (1, 3, 7)] == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    order = np.lexsort((requests.round, requests.session))
    follows = np.isin(requests.session[order][1:], complete) & (requests.round[order][1:] > 0)
    pauses = np.diff(requests.arrival_us[order])[follows]
    assert stats.kstest(pauses, stats.expon(scale=50e6).cdf).pvalue > 0.01


def test_more_requests_do_not_change_the_first_sessions():
    varying = {"type": "exponential", "params": {"mean": 6}}
    plan = {
        "rounds": varying,
        "think_time_ms": varying,
        "tools": {"calls": 1, "latency_ms": varying, "output_tokens": varying},
    }
    client = {"sessions": plan, "input_distribution": varying, "output_distribution": varying}
    small, large = requests_of(client, num_requests=50), requests_of(client, num_requests=9000)

    for name in ("arrival_us", "input_tokens", "output_tokens", "session", "round"):
        assert getattr(small, name).tolist() == getattr(large, name)[:50].tolist()


def test_longer_sessions_do_not_change_the_rounds_that_were_there():
    varying = {"type": "exponential", "params": {"mean": 60}}
    clients = ({"sessions": {**CHAT, "rounds": n}, "input_distribution": varying} for n in (2, 5))
    short, long = (requests_of(client) for client in clients)

    for session in ("c/0", "c/7"):
        rows = rows_of(short, session), rows_of(long, session)
        assert short.input_tokens[rows[0]].tolist() == long.input_tokens[rows[1]][:2].tolist()


def test_rounds_beyond_the_horizon_are_not_sent():
    requests = requests_of({"sessions": {**CHAT, "think_time_ms": 60_000}}, num_requests=0, horizon=100_000_000)

    assert requests.arrival_us[-1] < 100_000_000
    assert 0 < (requests.round == 1).sum() < (requests.round == 0).sum()


def test_a_session_ends_with_the_window_that_it_leaves():
    windows = {"windows": [{"start_us": 0, "end_us": 10_000_000}, {"start_us": 14_000_000, "end_us": 20_000_000}]}
    requests = requests_of({"sessions": {**CHAT, "think_time_ms": 3000}, "lifecycle": windows}, num_requests=0)

    times = requests.arrival_us
    assert ((times < 10_000_000) | ((times >= 14_000_000) & (times < 20_000_000))).all()
    order = np.lexsort((requests.round, requests.session))
    same = np.diff(requests.session[order]) == 0
    assert set(np.diff(requests.round[order])[same].tolist()) == {1}  # no round is skipped


def test_tool_calls_are_requests_of_their_own():
    tools = {"calls": 2, "latency_ms": 700, "output_tokens": 100}
    requests = requests_of({"sessions": {"rounds": 2, "think_time_ms": 5000, "tools": tools}})

    rows = rows_of(requests, "c/0")
    assert requests.round[rows].tolist() == [0, 1, 2, 3, 4, 5]
    assert np.diff(requests.arrival_us[rows]).tolist() == pytest.approx([7e5, 7e5, 5e6, 7e5, 7e5], abs=1)
    # 10 new tokens by the user, 100 by a tool, 3 of each answer
    assert requests.input_tokens[rows].tolist() == [10, 113, 216, 229, 332, 435]
    assert_matches_tokens(requests, *texts_of(requests), 4)


def test_rounds_without_tool_calls_are_single_requests():
    tools = {"calls": {"type": "empirical", "params": {0: 1, 3: 1}}, "latency_ms": 700, "output_tokens": 100}
    requests = requests_of({"sessions": {"rounds": 1, "think_time_ms": 0, "tools": tools}}, num_requests=3000)

    lengths = np.bincount(requests.session)[:-20]
    assert set(lengths.tolist()) == {1, 4}
    assert (lengths == 1).mean() == pytest.approx(0.5, abs=0.06)


def test_a_chain_of_thought_comes_on_top_of_the_answer_and_stays_in_the_context():
    client = {"reasoning": {"chain_distribution": 9}, "sessions": CHAT}
    requests = requests_of(client)

    assert set(requests.output_tokens.tolist()) == {12}
    assert set(requests.reason_ratio.tolist()) == {0.75}
    assert requests.input_tokens[rows_of(requests, "c/0")].tolist() == [10, 32, 54, 76]


def test_a_ratio_of_thought_changes_no_length():
    ratio = {"type": "gaussian", "params": {"mean": 60, "std_dev": 200, "min": 0, "max": 150}}
    requests = requests_of({"reasoning": {"reason_ratio_distribution": ratio}})

    assert set(requests.output_tokens.tolist()) == {3}
    assert requests.reason_ratio.min() < 0.1
    assert requests.reason_ratio.max() == 1


def test_sessions_without_end_are_refused():
    with pytest.raises(ConfigError, match="a session must have at most 10000 requests; got 20000"):
        requests_of({"sessions": {"rounds": 20_000, "think_time_ms": 0}})


def test_clients_of_one_name_keep_their_sessions_apart():
    requests = requests_of({"sessions": CHAT}, {"sessions": CHAT})

    assert requests.clients == ("c", "c#1")
    assert {"c/0", "c#1/0"} <= set(requests.sessions)
    assert len(set(requests.sessions)) == len(requests.sessions)
