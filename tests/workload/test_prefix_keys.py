"""Keys against an oracle that compares tokens."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.foundation.errors import ConfigError
from blis.workload.prefixes.keys import keys_of_groups, keys_of_hash_ids, keys_of_tokens
from tests.workload.token_oracle import assert_matches_tokens, keys_by_request


@st.composite
def conversations(draw):
    """Columns of requests with groups and contexts, and the tokens that they describe."""
    columns = {name: [] for name in ("input", "output", "group", "prefix", "context_of", "context")}
    texts = []
    for row in range(draw(st.integers(1, 9))):
        output = draw(st.integers(0, 7))
        group, prefix, source, context = draw(st.integers(-1, 2)), 0, -1, 0
        if row and draw(st.booleans()):
            source = draw(st.integers(0, row - 1))
            context = draw(st.integers(0, len(texts[source])))
        n_input = max(1, context) + draw(st.integers(0, 7))
        start = list(texts[source][:context]) if context else []
        if group >= 0:
            prefix = draw(st.integers(0, n_input))
            group_text = [("group", group, position) for position in range(prefix)]
            if start != group_text[:context]:
                prefix = min(prefix, context)
            start += group_text[context:prefix] if prefix > context else []
        own = [("own", row, position) for position in range(len(start), n_input + output)]
        texts.append(start + own)
        values = (n_input, output, group, prefix, source, context)
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)
    return {name: np.array(values) for name, values in columns.items()}, texts


@given(conversations(), st.integers(1, 5))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_keys_of_groups_and_conversations_agree_with_the_tokens(described, block_size):
    columns, texts = described
    prompts = [text[:n] for text, n in zip(texts, columns["input"], strict=True)]

    result = keys_of_groups(
        columns["input"],
        columns["output"],
        columns["group"],
        columns["prefix"],
        block_size,
        columns["context_of"],
        columns["context"],
    )

    assert_matches_tokens(result, prompts, texts, block_size)


tokens = st.lists(st.integers(0, 1), max_size=9)


@given(st.lists(st.tuples(tokens, tokens), min_size=1, max_size=8), st.integers(1, 4))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_keys_of_tokens_agree_with_the_tokens(requests, block_size):
    prompts, outputs = [p for p, _ in requests], [o for _, o in requests]

    result = keys_of_tokens(prompts, outputs, block_size)

    assert_matches_tokens(result, prompts, [p + o for p, o in requests], block_size)


@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 1), min_size=1, max_size=5), st.integers(0, 5)),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 14),
    st.sampled_from([6, 5]),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_keys_of_hash_ids_share_what_lies_within_equal_hash_blocks(requests, block_size, hash_block):
    ids = [listed for listed, _ in requests]
    lengths = np.array([len(listed) * hash_block - cut % hash_block for listed, cut in requests])
    offsets = np.concatenate(([0], np.cumsum([len(listed) for listed in ids])))

    result = keys_of_hash_ids(lengths, offsets, np.array(list(chain.from_iterable(ids))), block_size, hash_block)

    # a KV block is known by all hash blocks that it touches, so its text is those blocks whole
    def prefixes(listed, length):
        n_blocks = length // block_size
        return [(k, tuple(listed[: -(-(k + 1) * block_size // hash_block)])) for k in range(n_blocks)]

    known = [prefixes(listed, length) for listed, length in zip(ids, lengths, strict=True)]
    uses = {}
    for request in known:
        for prefix in request:
            uses[prefix] = uses.get(prefix, 0) + 1
    got = keys_by_request(result)
    key_of = {}
    for keys, request in zip(got, known, strict=True):
        shared = [prefix for prefix in request if uses[prefix] > 1]
        assert len(keys) == len(shared)
        for key, prefix in zip(keys, shared, strict=True):
            assert key_of.setdefault(prefix, key) == key
    assert sorted(key_of.values()) == list(range(len(key_of)))
    equal = [[a == b and n == m for b, m in zip(ids, lengths, strict=True)] for a, n in zip(ids, lengths, strict=True)]
    assert (result.prompt[:, None] == result.prompt[None, :]).tolist() == equal


def test_two_requests_of_a_group_share_the_smaller_of_their_lengths():
    result = keys_of_groups([100, 100, 100], [10, 10, 10], np.array([0, 0, -1]), np.array([64, 40, 0]), 16)

    assert keys_by_request(result) == [[0, 1], [0, 1], []]  # 40 tokens are two whole blocks of 16


def test_a_group_with_one_member_has_no_keys():
    result = keys_of_groups([100], [10], np.array([0]), np.array([64]), 16)

    assert keys_by_request(result) == [[]]


def test_a_conversation_reaches_into_the_output():
    result = keys_of_groups(
        [20, 50], [20, 5], np.array([-1, -1]), np.array([0, 0]), 16, np.array([-1, 0]), np.array([0, 40])
    )

    assert keys_by_request(result) == [[0, 1], [0, 1]]  # block 1 holds 4 prompt and 12 output tokens


def test_two_continuations_of_one_conversation_by_one_length_are_equal_prompts():
    result = keys_of_groups(
        [20, 30, 30, 30],
        [20, 5, 5, 5],
        np.full(4, -1),
        np.zeros(4, int),
        16,
        np.array([-1, 0, 0, 0]),
        np.array([0, 30, 30, 29]),
    )

    assert result.prompt[1] == result.prompt[2]
    assert len(set(result.prompt.tolist())) == 3


def test_repeating_exactly_the_prompt_is_an_equal_prompt():
    result = keys_of_groups(
        [20, 20], [9, 9], np.full(2, -1), np.zeros(2, int), 16, np.array([-1, 0]), np.array([0, 20])
    )

    assert result.prompt[0] == result.prompt[1]


def test_a_later_prompt_may_repeat_literal_output():
    result = keys_of_tokens([[1, 2, 3], [1, 2, 3, 4, 5]], [[4, 5, 6], [7]], 2)

    assert keys_by_request(result) == [
        [0, 1],
        [0, 1],
    ]  # blocks (1 2) (3 4); the third differ, (5 6) and (5 7)


def test_no_requests_have_no_keys():
    empty = np.zeros(0, np.int64)

    assert len(keys_of_tokens([], [], 16).keys) == 0
    assert keys_of_groups(empty, empty, empty, empty, 16).key_offsets.tolist() == [0]
    assert keys_of_hash_ids(empty, np.zeros(1, np.int64), empty, 16).key_offsets.tolist() == [0]


def test_one_long_chain_of_turns_keeps_every_block_of_the_conversation():
    turn = np.arange(200)
    result = keys_of_groups(
        16 * (turn + 1), np.full(200, 3), np.full(200, -1), np.zeros(200, int), 16, turn - 1, 16 * turn
    )

    assert np.diff(result.key_offsets).tolist() == [*range(1, 200), 199]
    assert result.keys.max() == 198


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"prefix": [0, 11]}, "request 1: prefix_tokens must be within the prompt, ≤ input_tokens; got 11."),
        ({"prefix": [0, -1]}, "request 1: prefix_tokens must be ≥ 0 [tokens]; got -1."),
        (
            {"context": [0, 11]},
            "request 1: context_tokens must be within the prompt, ≤ input_tokens; got 11.",
        ),
        ({"context": [0, -2]}, "request 1: context_tokens must be ≥ 0 [tokens]; got -2."),
        ({"context_of": [1, -1], "context": [3, 0]}, "request 0: context_of must be an earlier row; got 1."),
        (
            {"output": [0, 0], "input": [8, 10], "context": [0, 9]},
            "request 1: context_tokens must be within the conversation, ≤ prompt + output of context_of; got 9.",
        ),
        (
            {"context": [0, 4], "prefix": [3, 6]},
            "request 1: prefix_tokens = 6 reaches beyond context_tokens = 4, but the conversation "
            "does not consist of the group's text.",
        ),
    ],
)
def test_impossible_descriptions_are_refused(columns, message):
    given_columns = {
        "input": [10, 10],
        "output": [5, 5],
        "group": [0, 0],
        "prefix": [0, 0],
        "context_of": [-1, 0],
        "context": [0, 0],
    }
    values = {name: np.array(column) for name, column in {**given_columns, **columns}.items()}

    with pytest.raises(ConfigError) as error:
        keys_of_groups(
            values["input"],
            values["output"],
            values["group"],
            values["prefix"],
            4,
            values["context_of"],
            values["context"],
        )

    assert str(error.value) == message


def test_more_hash_ids_than_blocks_are_refused():
    with pytest.raises(ConfigError, match=r"request 0: hash_ids must hold at most 1 ids, one per 512 tokens"):
        keys_of_hash_ids(np.array([512]), np.array([0, 2]), np.array([1, 2]), 16)
