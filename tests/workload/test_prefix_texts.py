"""Prefix groups of a specification: popularity, nesting, and keys against literal tokens."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.foundation.errors import ConfigError
from blis.workload.kinds.spec import Params, generate
from blis.workload.prefixes.nested import keys_of_texts
from blis.workload.prefixes.texts import NO_TEXT, PrefixTexts
from tests.workload.token_oracle import assert_matches_tokens

CLIENT = {
    "rate_fraction": 1,
    "arrival": {"process": "poisson"},
    "input_distribution": {"type": "constant", "params": {"value": 10}},
    "output_distribution": {"type": "constant", "params": {"value": 5}},
}


def requests_of(*groups, n=1000, seed=1, **client):
    clients = [{**CLIENT, "prefix_groups": list(of), **client} for of in groups]
    document = {"aggregate_rate": 100.0, "num_requests": n, "clients": clients}
    return generate(Params.from_mapping("workload", {"spec": document}), seed, 16)


def count_of(requests, name):
    return (requests.prefix_group == requests.prefix_groups.index(name)).sum()


def test_groups_come_in_proportion_to_their_weights(assert_lawful):
    requests = requests_of([{"name": "a", "tokens": 32, "weight": 3}, {"name": "b", "tokens": 64}], n=20_000)

    assert_lawful(requests)
    assert count_of(requests, "a") / 20_000 == pytest.approx(0.75, abs=0.015)
    assert set(requests.input_tokens.tolist()) == {42, 74}


def test_a_group_without_weight_is_never_drawn():
    requests = requests_of([{"name": "a", "tokens": 32, "weight": 0}, {"name": "b", "tokens": 64}])

    assert requests.prefix_groups == ("b",)


def test_a_share_of_requests_begins_like_nobody():
    requests = requests_of([{"name": "a", "tokens": 32}], n=20_000, prefix_share=0.3)

    assert (requests.prefix_group < 0).mean() == pytest.approx(0.7, abs=0.015)
    assert set(requests.prefix_tokens[requests.prefix_group < 0].tolist()) == {0}


@pytest.mark.parametrize("exponent", [0.0, 0.8, 1.2])
def test_popularity_follows_zipf(exponent):
    n, k = 50_000, 100
    requests = requests_of([{"name": "doc", "count": k, "tokens": 32, "zipf_exponent": exponent}], n=n)

    weights = np.arange(1, k + 1) ** -exponent
    expected = n * weights / weights.sum()
    counts = np.array([count_of(requests, f"doc-{rank}") for rank in range(k)])
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert chi_squared < 135.8  # 99 % of χ² with 99 degrees of freedom


def test_texts_of_a_family_have_lengths_of_their_own():
    tokens = {"type": "exponential", "params": {"mean": 500}}
    requests = requests_of([{"name": "doc", "count": 50, "tokens": tokens}], n=2000)

    lengths = {(group, tokens) for group, tokens in zip(requests.prefix_group, requests.prefix_tokens, strict=True)}
    assert len(lengths) == 50  # every text has one length
    assert len({tokens for _, tokens in lengths}) > 40


def test_one_name_at_two_lengths_is_one_text():
    requests = requests_of([{"name": "a", "tokens": 32}, {"name": "a", "tokens": 80}])

    assert requests.prefix_groups == ("a",)
    assert set(requests.input_tokens.tolist()) == {42, 90}
    assert requests.n_keys == 5  # 80 / 16


def test_a_text_that_extends_another_shares_its_beginning():
    groups = [{"name": "root", "tokens": 32}, {"name": "left", "tokens": 16, "extends": "root"}]
    requests = requests_of(groups, [{"name": "right", "tokens": 48, "extends": "root"}])

    assert set(requests.input_tokens.tolist()) == {42, 58, 90}
    assert requests.n_keys == 2 + 1 + 3
    first = {tuple(requests.keys[start : start + 2]) for start in requests.key_offsets[:-1]}
    assert len(first) == 1


def test_more_requests_do_not_change_the_texts_of_the_first_ones():
    groups = [
        {"name": "doc", "count": 20, "tokens": {"type": "exponential", "params": {"mean": 90}}},
        {"name": "x", "tokens": 5},
    ]
    small, large = requests_of(groups, n=30), requests_of(groups, n=3000)

    assert small.input_tokens.tolist() == large.input_tokens[:30].tolist()


@st.composite
def trees(draw):
    """Texts that extend each other, and prompts and conversations that begin with them."""
    parents, tokens, literal = [], [], []
    for text in range(draw(st.integers(1, 5))):
        parent = draw(st.integers(-1, text - 1))
        own = draw(st.integers(1, 5))
        before = literal[parent] if parent >= 0 else []
        parents.append(parent)
        literal.append(before + [("text", text, position) for position in range(own)])
        tokens.append(len(literal[-1]))
    columns = {name: [] for name in ("input", "output", "text", "prefix", "context_of", "context")}
    prompts, texts = [], []
    for row in range(draw(st.integers(1, 8))):
        output = draw(st.integers(0, 5))
        if row and draw(st.booleans()):
            source = draw(st.integers(0, row - 1))
            start, text, prefix = texts[source], columns["text"][source], columns["prefix"][source]
            context = len(start)
        else:
            source, context, text = -1, 0, draw(st.integers(-1, len(parents) - 1))
            least = tokens[parents[text]] + 1 if text >= 0 and parents[text] >= 0 else 1
            prefix = draw(st.integers(least, tokens[text])) if text >= 0 else 0
            start = literal[text][:prefix] if text >= 0 else []
        n_input = max(1, len(start)) + draw(st.integers(0, 6))
        whole = start + [("own", row, position) for position in range(len(start), n_input + output)]
        prompts.append(whole[:n_input])
        texts.append(whole)
        for name, value in zip(columns, (n_input, output, text, prefix, source, context), strict=True):
            columns[name].append(value)
    table = PrefixTexts(tuple(f"t{k}" for k in range(len(parents))), np.array(parents), np.array(tokens))
    return table, {name: np.array(values, np.int64) for name, values in columns.items()}, prompts, texts


@given(trees(), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_keys_of_nested_texts_agree_with_the_tokens(tree, block_size):
    table, columns, prompts, texts = tree
    result = keys_of_texts(
        table,
        *(columns[name] for name in ("input", "output", "text", "prefix")),
        block_size,
        np.where(columns["context"] > 0, columns["context_of"], NO_TEXT),
        columns["context"],
    )

    assert_matches_tokens(result, prompts, texts, block_size)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([{"tokens": 5}], "workload.spec.clients[0].prefix_groups[0]: key 'name' is required."),
        ([{"name": "", "tokens": 5}], "workload.spec.clients[0].prefix_groups[0].name must be a text"),
        ([{"name": "a", "tokens": 0}], "workload.spec.clients[0].prefix_groups[0].tokens must be an int in [1,"),
        (
            [{"name": "a", "tokens": 5, "wight": 1}],
            "workload.spec.clients[0].prefix_groups[0]: unknown key 'wight'; did you",
        ),
        (
            [{"name": "a", "tokens": 5, "weight": -1}],
            "workload.spec.clients[0].prefix_groups[0].weight must be a finite",
        ),
        ([{"name": "a", "tokens": 5, "count": 0}], "workload.spec.clients[0].prefix_groups[0].count must be an int"),
        (
            [{"name": "a", "tokens": 5, "zipf_exponent": -1}],
            "workload.spec.clients[0].prefix_groups[0].zipf_exponent must",
        ),
        ([], "workload.spec.clients[0].prefix_groups must be a list of at least one group; got []."),
        (
            [{"name": "root", "tokens": 5}, {"name": "a", "tokens": 5, "extends": "rot"}],
            "workload.spec: prefix group 'a' must extend a group of the document; got 'rot'; did you mean 'root'?",
        ),
        (
            [{"name": "a", "tokens": 5, "extends": "b"}, {"name": "b", "tokens": 5, "extends": "a"}],
            "workload.spec: prefix group 'a' must not extend itself",
        ),
        (
            [{"name": "a", "tokens": 5, "count": 2}, {"name": "b", "tokens": 5, "extends": "a"}],
            "workload.spec: prefix group 'a' is extended, so it must be one text of one length.",
        ),
        (
            [{"name": "a", "tokens": 5}, {"name": "a", "tokens": 6}, {"name": "b", "tokens": 5, "extends": "a"}],
            "workload.spec: prefix group 'a' is extended, so it must be one text of one length.",
        ),
        (
            [{"name": "a", "tokens": 5}, {"name": "b", "tokens": 6}, {"name": "b", "tokens": 5, "extends": "a"}],
            "workload.spec: prefix group 'b' must extend the same text and count wherever used.",
        ),
        (
            [{"name": "a", "tokens": 5, "count": 2}, {"name": "a-1", "tokens": 6}],
            "workload.spec: prefix groups must have different names once counted; got a, a-1.",
        ),
    ],
)
def test_wrong_groups_are_refused(groups, message):
    with pytest.raises(ConfigError) as error:
        requests_of(groups)

    assert str(error.value).startswith(message)
