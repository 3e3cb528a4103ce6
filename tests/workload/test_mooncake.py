import gzip
import json

import numpy as np
import pytest

from blis.foundation.errors import ConfigError
from blis.workload.kinds.mooncake import Params, generate


def requests_of(block_size=16, **mapping):
    return generate(Params.from_mapping("workload", mapping), 0, block_size)


def record(**changes):
    return json.dumps({"timestamp": 5, "input_length": 600, "output_length": 3, "hash_ids": [1, 2], **changes}) + "\n"


@pytest.mark.parametrize("block_size", [1, 16, 48, 512, 1000])
def test_excerpt_loads_at_any_block_size(data, assert_lawful, block_size):
    requests = requests_of(block_size, path=data / "mooncake_60.jsonl")

    assert_lawful(requests)
    assert len(requests) == 60
    assert requests.input_tokens[0] == 40160


def test_packed_file_is_the_same(data, tmp_path):
    plain = data / "mooncake_60.jsonl"
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    assert requests_of(path=packed).keys.tolist() == requests_of(path=plain).keys.tolist()


def test_equal_leading_ids_share_blocks_up_to_the_shorter_prompt(file):
    path = file("a.jsonl", record() + record(hash_ids=[1, 2], input_length=560) + record(hash_ids=[1, 9]))
    requests = requests_of(path=path)

    # 560 // 16 = 35 blocks between the first two, 512 // 16 = 32 with the third
    assert np.diff(requests.key_offsets).tolist() == [35, 35, 32]
    assert requests.n_keys == 35
    assert len(set(requests.prompt.tolist())) == 3


def test_times_are_milliseconds(file):
    path = file("a.jsonl", record(timestamp=1.5) + record(timestamp=27))

    assert requests_of(path=path, keep_origin=True).arrival_us.tolist() == [1500, 27_000]
    assert requests_of(path=path).arrival_us.tolist() == [0, 25_500]


def test_rate_and_limit_apply(data):
    requests = requests_of(path=data / "mooncake_60.jsonl", rate=2, num_requests=41)

    assert len(requests) == 41
    assert requests.arrival_us[-1] - requests.arrival_us[0] == 20_000_000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "{",
            "row 1: must be a JSON object; Expecting property name enclosed in double quotes at column 2. See line 2.",
        ),
        ("[" * 100_000, "row 1: must be a JSON object; it is nested too deeply."),
        (record(input_length=2**40), "row 1, field 'input_length' must be an int in [0, 2147483647] [tokens]"),
        ("[]", "row 1: must be a JSON object; got []."),
        (
            '{"timestamp": 1, "input_length": 3}',
            "row 1: must be a JSON object with output_length; fields: timestamp, input",
        ),
        (
            record(timestamp=-1),
            "row 1, field 'timestamp' must be a finite number in [0, 100000000000000] [ms]; got -1.",
        ),
        (
            record(timestamp=float("nan")),
            "row 1, field 'timestamp' must be a finite number in [0, 100000000000000] [ms]; got nan.",
        ),
        (record(output_length=-1), "row 1, field 'output_length' must be an int in [0, 2147483647] [tokens]; got -1."),
        (
            record(output_length=True),
            "row 1, field 'output_length' must be an int in [0, 2147483647] [tokens]; got True.",
        ),
        (
            record(hash_ids=[1, 2, 3]),
            "row 1, field 'hash_ids': must be a list of 2 ints, one per 512 tokens of the prompt (hash_block_tokens)",
        ),
        (record(hash_ids=[1.5]), "row 1, field 'hash_ids': must be a list of ints; got [1.5]."),
    ],
)
def test_wrong_lines_are_refused(file, line, message):
    with pytest.raises(ConfigError) as error:
        requests_of(path=file("a.jsonl", record() + line))

    assert message in str(error.value)


def test_an_empty_file_is_refused(file):
    with pytest.raises(ConfigError, match="must hold at least one request; it is empty"):
        requests_of(path=file("a.jsonl", "\n"))


@pytest.mark.parametrize("mapping", [{}, {"path": None}])
def test_without_a_path_the_shipped_excerpt_is_read(mapping):
    requests = generate(Params.from_mapping("workload", mapping), 1, 512)

    assert len(requests) == 2000
    assert requests.input_tokens[:3].tolist() == [40160, 36640, 23769]


def test_a_file_that_is_not_packed_is_refused(file):
    with pytest.raises(ConfigError, match="cannot be read"):
        requests_of(path=file("a.jsonl.gz", record()))
