"""What keys must be, by comparison of literal tokens."""


def keys_by_request(result):
    return [
        result.keys[start:end].tolist()
        for start, end in zip(result.key_offsets[:-1], result.key_offsets[1:], strict=True)
    ]


def assert_matches_tokens(result, prompts, texts, block_size):
    """A block of the whole sequences `texts` is shared when all tokens up to its end are in two of them."""
    prefixes = [[tuple(text[:end]) for end in range(block_size, len(text) + 1, block_size)] for text in texts]
    uses = {}
    for request in prefixes:
        for prefix in request:
            uses[prefix] = uses.get(prefix, 0) + 1
    expected = [[prefix for prefix in request if uses[prefix] > 1] for request in prefixes]
    got = keys_by_request(result)
    assert [len(keys) for keys in got] == [len(shared) for shared in expected]
    key_of = {}
    for keys, shared in zip(got, expected, strict=True):
        for key, prefix in zip(keys, shared, strict=True):
            assert key_of.setdefault(prefix, key) == key
    assert sorted(key_of.values()) == list(range(len(key_of)))
    equal = [[tuple(a) == tuple(b) for b in prompts] for a in prompts]
    assert (result.prompt[:, None] == result.prompt[None, :]).tolist() == equal
