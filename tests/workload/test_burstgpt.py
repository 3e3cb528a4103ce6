import gzip

import pytest

from blis.foundation.errors import ConfigError
from blis.workload.kinds.burstgpt import Params, generate

HEADER = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
ROWS = "5,ChatGPT,472,18,490,Conversation log\n45.5,GPT-4,1087,230,1317,API log\n118,ChatGPT,417,276,693,API log\n"


@pytest.fixture
def load(file):
    def read(text, **mapping):
        return generate(Params.from_mapping("workload", {"path": file("b.csv", text), **mapping}), 0, 16)

    return read


def test_times_lengths_and_models_are_read(load, assert_lawful):
    requests = load(HEADER + ROWS)

    assert_lawful(requests)
    assert requests.arrival_us.tolist() == [0, 40_500_000, 113_000_000]
    assert requests.input_tokens.tolist() == [472, 1087, 417]
    assert requests.output_tokens.tolist() == [18, 230, 276]
    assert [requests.tenants[index] for index in requests.tenant] == ["ChatGPT", "GPT-4", "ChatGPT"]
    assert requests.notes == ("time 0 is second 5 of the log (keep_origin: true keeps its times)",)


def test_failed_requests_are_dropped_and_counted_or_kept(load):
    text = HEADER + "1,GPT-4,0,0,0,API log\n" + ROWS + "200,ChatGPT,30,0,30,API log\n"
    dropped, kept = load(text), load(text, failures="keep", empty_prompts="keep")

    assert dropped.number.tolist() == [1, 2, 3]
    assert dropped.notes[0] == "2 of 5 requests failed (no response) and are left out (failures: keep would keep them)"
    assert kept.input_tokens.tolist() == [1, 472, 1087, 417, 30]
    assert kept.output_tokens.tolist() == [0, 18, 230, 276, 0]
    assert kept.notes[0].startswith("2 of 5 requests failed (no response) and are kept, without output")


def test_sessions_of_later_editions_have_rounds(load, assert_lawful):
    header = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    rows = [(1, "a", 5, 5), (2, "b", 5, 5), (3, "", 5, 5), (4, "a", 5, 0), (5, "a", 5, 5), (6, "", 5, 5)]
    lines = (f"{t},{s},0.1,M,{i},{o},{i + o},API log\n" for t, s, i, o in rows)
    requests = load(header + "".join(lines))

    assert_lawful(requests)
    assert [(*requests.sessions, "")[index] for index in requests.session] == ["a", "b", "", "a", ""]
    assert requests.round.tolist() == [0, 0, 0, 1, 0]


def test_wrong_totals_are_counted(load):
    requests = load(HEADER + ROWS.replace("490", "491"))

    assert requests.notes[0] == "1 of 3 rows have total tokens that are not the sum; the parts are used"


def test_rate_limit_and_order_apply(load):
    rows = "".join(f"{time},M,1,1,2,API log\n" for time in (3, 1, 2, 9))
    requests = load(HEADER + rows, rate=2, num_requests=3)

    assert requests.arrival_us.tolist() == [0, 500_000, 1_000_000]
    assert requests.number.tolist() == [1, 2, 0]
    assert requests.notes[1:] == ("2 of 4 rows were out of order and have been sorted",)


def test_a_packed_file_is_the_same(load, tmp_path):
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress((HEADER + ROWS).encode()))

    assert load(HEADER + ROWS, path=tmp_path / "b.csv.gz").arrival_us.tolist() == [0, 40_500_000, 113_000_000]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace("Model", "Modell") + ROWS, "must have a column 'Model'; did you mean 'Modell'?"),
        (HEADER, "must hold a header and at least one request; got no request."),
        (HEADER + ROWS + "1,M,1,1\n", "row 3: must have 6 columns like the header; got 4. See line 5."),
        (
            HEADER + ROWS + "soon,M,1,1,2,API log\n",
            "row 3, column 'Timestamp': must be a finite number ≥ 0; got 'soon'.",
        ),
        (HEADER + ROWS + "1,M,1.5,1,2,API log\n", "row 3, column 'Request tokens': must be an int ≥ 0; got '1.5'."),
        (HEADER + ROWS + "1,M,1,-1,2,API log\n", "row 3, column 'Response tokens': must be an int ≥ 0; got '-1'."),
        (HEADER + "\n" + ROWS + "1,M,-1,3,3,API log\n", "must be an int ≥ 0; got '-1'. See line 6."),
        (HEADER + "1,M,5,0,5,API log\n", "must hold a request that did not fail; all 1 have no response."),
    ],
)
def test_wrong_files_are_refused(load, text, message):
    with pytest.raises(ConfigError) as error:
        load(text)
    assert message in str(error.value)


def test_wrong_parameters_are_refused(load):
    with pytest.raises(ConfigError, match=r"workload.failures: no choice named 'skip'"):
        load(HEADER + ROWS, failures="skip")
