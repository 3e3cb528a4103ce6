import numpy as np
import pytest

from blis.foundation.errors import ConfigError
from blis.workload.kinds.trace_csv import Params, generate

HEADER = "arrival_time,a,b,prefill_tokens,decode_tokens\n"


def requests_of(path, block_size=2, **mapping):
    return generate(Params.from_mapping("workload", {"path": str(path), **mapping}), 0, block_size)


def test_token_lists_become_lengths_and_keys(file, assert_lawful):
    rows = '0,,,"[1, 2, 3]","[4, 5]"\n0.5,,,"[1, 2, 3, 4, 6]",[]\n'
    requests = requests_of(file("t.csv", HEADER + rows))

    assert_lawful(requests)
    assert requests.input_tokens.tolist() == [3, 5]
    assert requests.output_tokens.tolist() == [2, 0]
    assert np.split(requests.keys, requests.key_offsets[1:-1])[1].tolist() == [0, 1]


def test_arrivals_are_rounded_to_the_nearest_microsecond(file):
    # 1.001 s times 1e6 is 1000999.9999999999: truncation would lose a microsecond
    requests = requests_of(file("t.csv", HEADER + '1.001,,,"[1]","[]"\n'), keep_origin=True)

    assert requests.arrival_us.tolist() == [1_001_000]


def test_rows_out_of_order_are_sorted_stably_and_noted(file):
    rows = '2,,,"[1]","[]"\n1,,,"[1, 1]","[]"\n1,,,"[1, 1, 1]","[]"\n'
    requests = requests_of(file("t.csv", HEADER + rows))

    assert requests.number.tolist() == [1, 2, 0]
    assert requests.input_tokens.tolist() == [2, 3, 1]
    assert requests.arrival_us.tolist() == [0, 0, 1_000_000]
    assert requests.notes[1:] == ("2 of 3 rows were out of order and have been sorted",)


def test_long_token_lists_are_read(file):
    tokens = str(list(range(50_000)))

    assert requests_of(file("t.csv", HEADER + f'0,,,"{tokens}","[]"\n')).input_tokens.tolist() == [50_000]


def test_rate_and_limit_apply(file):
    path = file("t.csv", HEADER + "".join(f'{k},,,"[1]","[]"\n' for k in range(10)))

    assert requests_of(path, rate=2, num_requests=3).arrival_us.tolist() == [0, 500_000, 1_000_000]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c,d\n1,,,[1]\n", "must have at least 5 columns; got 4"),
        (HEADER + '0,,,"[1]"\n', "row 0: must have 5 columns like the header; got 4."),
        (HEADER + 'x,,,"[1]","[]"\n', "row 0, column 'arrival_time': must be a finite number ≥ 0; got 'x'."),
        (
            HEADER + '-1,,,"[1]","[]"\n',
            "row 0, column 'arrival_time': must be a finite number ≥ 0; got '-1'.",
        ),
        (
            HEADER + 'nan,,,"[1]","[]"\n',
            "row 0, column 'arrival_time': must be a finite number ≥ 0; got 'nan'.",
        ),
        (
            HEADER + 'inf,,,"[1]","[]"\n',
            "row 0, column 'arrival_time': must be a finite number ≥ 0; got 'inf'.",
        ),
        (
            HEADER + '1e20,,,"[1]","[]"\n',
            "row 0, column 'arrival_time': must be a finite number ≤ 100000000000; got '1e20'.",
        ),
        (
            HEADER + '0,,,"[1","[]"\n',
            "row 0, column 'prefill_tokens': must be a JSON list of token ids",
        ),
        (
            HEADER + '0,,,"[1]","[-1]"\n',
            "row 0, column 'decode_tokens': must be a JSON list of token ids",
        ),
        (HEADER + '0,,,"[1]","[1.5]"\n', "column 'decode_tokens'"),
        (HEADER + '0,,,"[1]","[true]"\n', "column 'decode_tokens'"),
        (HEADER + '0,,,"[1]","[[1]]"\n', "column 'decode_tokens'"),
        (HEADER + '0,,,"[1]","{}"\n', "column 'decode_tokens'"),
        (HEADER + f'0,,,"[1]","[{2**64}]"\n', "column 'decode_tokens'"),
    ],
)
def test_wrong_files_are_refused(file, text, message):
    with pytest.raises(ConfigError) as error:
        requests_of(file("t.csv", text))

    assert message in str(error.value)
