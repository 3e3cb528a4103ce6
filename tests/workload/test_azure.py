import pytest

from blis.foundation.errors import ConfigError
from blis.workload.kinds.azure import Params, generate

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def requests_of(**mapping):
    return generate(Params.from_mapping("workload", mapping), 0, 16)


def test_shipped_excerpt_is_the_default(assert_lawful):
    requests = requests_of()

    assert_lawful(requests)
    assert len(requests) == 2000
    # the published file begins with 18:15:46.6805900 and 18:15:50.9951690
    assert requests.arrival_us[:2].tolist() == [0, 4_314_579]
    assert requests.input_tokens[:2].tolist() == [374, 396]
    assert requests.output_tokens[:2].tolist() == [44, 109]
    assert len(requests.keys) == 0
    assert len(set(requests.prompt.tolist())) == 2000


def test_published_file_loads_with_its_line_ends(data, assert_lawful):
    requests = requests_of(path=str(data / "azure_300.csv"))

    assert_lawful(requests)
    assert len(requests) == 299
    assert requests.notes == ()


def test_zone_of_the_later_logs_is_understood(file):
    rows = "2024-05-10 00:00:00.009930+00:00,1,0\n2024-05-10 00:00:01.009930+00:00,2,1\n"

    assert requests_of(path=file("a.csv", HEADER + rows)).arrival_us.tolist() == [0, 1_000_000]


def test_hundred_nanoseconds_are_rounded_to_the_nearest_microsecond(file):
    rows = "2023-11-16 18:15:46.0000004,1,1\n2023-11-16 18:15:46.0000010,1,1\n2023-11-16 18:15:46.0000020,1,1\n"

    assert requests_of(path=file("a.csv", HEADER + rows)).arrival_us.tolist() == [0, 1, 2]


def test_rate_scales_time_to_the_mean_rate():
    requests = requests_of(rate=40, num_requests=1001)

    assert len(requests) == 1001
    assert requests.arrival_us[-1] == 25_000_000  # 1000 gaps of 25 ms


def test_rows_out_of_order_are_sorted_and_noted(file):
    rows = "2023-11-16 18:00:02,1,1\n2023-11-16 18:00:01,2,2\n2023-11-16 18:00:03,3,3\n"
    requests = requests_of(path=file("a.csv", HEADER + rows))

    assert requests.arrival_us.tolist() == [0, 1_000_000, 2_000_000]
    assert requests.number.tolist() == [1, 0, 2]
    assert requests.notes == ("1 of 3 rows were out of order and have been sorted",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TIMESTAMP,ContextTokens\n2023-11-16 18:00:02,1\n", "must have a column 'GeneratedTokens'"),
        (HEADER, "must hold a header and at least one request; got no request."),
        ("", "must hold a header and at least one request; got no request."),
        (
            HEADER + "2023-11-16 18:00:02,1,1\n2023-11-16 18:00:02,1\n",
            "row 1: must have 3 columns like the header; got 2.",
        ),
        (
            HEADER + "2023-11-16 18:00:02,1,1\nyesterday,1,1\n",
            "row 1, column 'TIMESTAMP': must be a date and time of the years 1970 to 2199",
        ),
        (HEADER + "NaT,1,1\n", "row 0, column 'TIMESTAMP': must be a date and time of the years 1970 to 2199"),
        (
            HEADER + "2023-13-16 18:00:02,1,1\n",
            "row 0, column 'TIMESTAMP': must be a date and time of the years 1970 to 2199",
        ),
        (
            HEADER + "2023-11-16 18:00:02,1,-1\n",
            "row 0, column 'GeneratedTokens': must be an int ≥ 0; got '-1'.",
        ),
        (
            HEADER + "2023-11-16 18:00:02,nan,1\n",
            "row 0, column 'ContextTokens': must be an int ≥ 0; got 'nan'.",
        ),
        (
            HEADER + "2023-11-16 18:00:02,1_0,1\n",
            "row 0, column 'ContextTokens': must be an int ≥ 0; got '1_0'.",
        ),
        (
            HEADER + f"2023-11-16 18:00:02,{2**63},1\n",
            "row 0, column 'ContextTokens': must be an int ≤ 2147483647; got '9223",
        ),
    ],
)
def test_wrong_files_are_refused(file, text, message):
    with pytest.raises(ConfigError) as error:
        requests_of(path=file("a.csv", text))

    assert message in str(error.value)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (
            {"path": "/nowhere.csv"},
            "workload.path must be the path of a file; there is none at '/nowhere.csv'.",
        ),
        ({"path": 3}, "workload.path must be the path of a file; got 3."),
        ({"rate": 0}, "workload.rate must be a finite number > 0 [requests/s]; got 0."),
        ({"num_requests": 0}, "workload.num_requests must be an int in [1, 100000000]; got 0."),
        ({"rates": 1}, "workload: unknown key 'rates'; did you mean 'rate'?"),
    ],
)
def test_wrong_parameters_are_refused(mapping, message):
    with pytest.raises(ConfigError) as error:
        Params.from_mapping("workload", mapping)

    assert str(error.value).startswith(message)


def test_a_rate_for_requests_that_all_arrive_at_once_is_refused(file):
    path = file("a.csv", HEADER + "2023-11-16 18:00:02,1,1\n" * 3)

    with pytest.raises(
        ConfigError, match=r"workload.rate cannot be reached by scaling: all 3 requests arrive at once."
    ):
        requests_of(path=path, rate=1)


def test_a_row_beyond_the_first_piece_is_named_by_its_number_in_the_file(file):
    path = file("a.csv", HEADER + "2023-11-16 18:00:02,1,1\n" * 2500 + "2023-11-16 18:00:02,1\n")

    with pytest.raises(ConfigError, match=r"row 2500: must have 3 columns like the header; got 2\."):
        requests_of(path=path)


def test_a_wrong_cell_is_named_by_its_line_too_whatever_is_blank_or_broken_over_lines(file):
    header = HEADER.replace("\n", ",Note\n\n")
    text = header + '2023-11-16 18:00:02,1,1,"two\nlines"\n\n2023-11-16 18:00:02,x,1,\n'

    with pytest.raises(ConfigError, match=r"row 1, column 'ContextTokens': must be an int ≥ 0; got 'x'\. See line 6\."):
        requests_of(path=file("a.csv", text))
