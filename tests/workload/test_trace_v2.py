import dataclasses

import numpy as np
import pytest

from blis.foundation.errors import ConfigError
from blis.workload.kinds import distribution
from blis.workload.kinds.trace_v2 import Params, generate, write
from blis.workload.logs.trace_v2_records import COLUMNS

HEADER = "trace_version: 2\ntime_unit: us\nmode: generated\nwarm_up_requests: 0\n"
ROW = {
    **dict.fromkeys(COLUMNS, "0"),
    "client_id": "c",
    "tenant_id": "t",
    "slo_class": "batch",
    "session_id": "",
    "prefix_group": "",
    "streaming": "true",
    "input_tokens": "100",
    "output_tokens": "20",
    "status": "ok",
    "error_message": "",
}


def csv_of(*rows, extra=()):
    names = (*COLUMNS, *extra)
    lines = [",".join(names), *(",".join({**ROW, **row}[name] for name in names) for row in rows)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def load(file):
    def read(text, header=HEADER, block_size=16, **mapping):
        path = file("t.yaml", header)
        file("t.csv", text)
        return generate(Params.from_mapping("workload", {"path": path, **mapping}), 0, block_size)

    return read


@pytest.mark.parametrize("groups", [{}, {"prefix_groups": 3, "prefix_tokens": 70, "prefix_share": 0.6}])
def test_reading_what_was_written_is_the_identity(tmp_path, assert_lawful, groups):
    mapping = dict(num_requests=200, slo_classes={"critical": 1, "batch": 1}, tenants={"a": 1, "b": 2}, **groups)
    requests = distribution.generate(distribution.Params.from_mapping("w", mapping), 3, 16)

    write(requests, tmp_path / "h.yaml")
    again = generate(Params.from_mapping("w", {"path": tmp_path / "h.yaml", "keep_origin": True}), 9, 16)

    assert_lawful(again)
    for name in (
        "arrival_us",
        "input_tokens",
        "output_tokens",
        "number",
        "round",
        "prefix_tokens",
        "key_offsets",
    ):
        assert getattr(again, name).tolist() == getattr(requests, name).tolist(), name
    for name, table in (
        ("slo_class", "slo_classes"),
        ("tenant", "tenants"),
        ("prefix_group", "prefix_groups"),
    ):
        names = [(*getattr(r, table), "")[k] for r in (requests, again) for k in getattr(r, name)]
        assert names[:200] == names[200:], name


def test_sessions_rounds_and_request_ids_survive_a_round_trip(tmp_path, load):
    first = load(
        csv_of(
            {
                "request_id": "7",
                "session_id": "s1",
                "round_index": "1",
                "arrival_time_us": "5",
                "prefix_length": "0",
            },
            {
                "request_id": "3",
                "prefix_group": "g",
                "prefix_length": "33",
                "arrival_time_us": "6",
                "slo_class": "",
            },
            extra=["prefix_length"],
        ),
        keep_origin=True,
    )

    write(first, tmp_path / "h.yaml")
    again = generate(Params.from_mapping("w", {"path": tmp_path / "h.yaml", "keep_origin": True}), 9, 16)

    for field in dataclasses.fields(first):
        one, two = getattr(first, field.name), getattr(again, field.name)
        assert np.array_equal(one, two), field.name
    assert again.number.tolist() == [7, 3]
    assert again.round.tolist() == [1, 0]
    assert again.sessions == ("s1",)


def test_every_column_is_written_as_it_was_read(tmp_path, load):
    rows = [
        {"request_id": "4", "client_id": "a", "image_tokens": "30", "audio_tokens": "5", "text_tokens": "65"},
        {"request_id": "2", "client_id": "", "streaming": "false", "video_tokens": "100", "text_tokens": "0"},
        {"request_id": "9", "client_id": "b", "reason_ratio": "0.30000000000000004", "text_tokens": "100"},
    ]
    first = load(csv_of(*rows))

    assert [(*first.clients, "")[index] for index in first.client] == ["a", "", "b"]
    assert first.streaming.tolist() == [True, False, True]
    assert first.text_tokens.tolist() == [65, 0, 100]
    assert (first.image_tokens.tolist(), first.audio_tokens.tolist()) == ([30, 0, 0], [5, 0, 0])
    assert first.reason_ratio.tolist() == [0.0, 0.0, 0.30000000000000004]
    write(first, tmp_path / "h.yaml")
    assert (tmp_path / "h.csv").read_text() == csv_of(*rows)


def test_names_of_left_out_records_are_not_kept(load):
    requests = load(csv_of({"status": "error", "tenant_id": "x"}, {"tenant_id": "b"}, {"tenant_id": "a"}))

    assert requests.tenants == ("b", "a")


def test_without_a_length_a_group_has_fifty_tokens_of_the_total(load):
    requests = load(csv_of({"prefix_group": "g"}, {"prefix_group": "g"}, {"prefix_group": "g", "input_tokens": "20"}))

    assert requests.input_tokens.tolist() == [100, 100, 20]
    assert requests.prefix_tokens.tolist() == [50, 50, 20]
    assert np.diff(requests.key_offsets).tolist() == [3, 3, 1]  # blocks of 16


def test_failed_records_are_left_out_and_counted(load):
    requests = load(csv_of({"status": "error", "input_tokens": "0"}, {"request_id": "1"}, {"status": "timeout"}))

    assert requests.number.tolist() == [1]
    assert requests.notes == ("2 of 3 records have a status other than ok and are left out",)


def test_observed_traces_are_replayed_at_their_send_times(load):
    text = csv_of({"arrival_time_us": "5", "send_time_us": "9"})

    assert load(text, keep_origin=True).arrival_us.tolist() == [5]
    assert load(text, HEADER.replace("generated", "real"), keep_origin=True).arrival_us.tolist() == [9]


def test_times_begin_at_0_and_may_be_out_of_order(load):
    text = csv_of({"arrival_time_us": "900"}, {"arrival_time_us": "70"})
    requests = load(text)

    assert requests.arrival_us.tolist() == [0, 830]
    assert requests.notes == (
        "time 0 is second 7e-05 of the log (keep_origin: true keeps its times)",
        "1 of 2 rows were out of order and have been sorted",
    )
    assert load(text, keep_origin=True).arrival_us.tolist() == [70, 900]


def test_rate_and_limit_apply(load):
    rows = [{"arrival_time_us": str(1000 * k)} for k in range(10)]

    assert load(csv_of(*rows), rate=2, num_requests=3).arrival_us.tolist() == [0, 500_000, 1_000_000]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"input_tokens": "x"}, "row 0, column 'input_tokens': must be an int; got 'x'."),
        ({"input_tokens": "-1"}, "row 0, column 'input_tokens': must be an int ≥ 0; got '-1'."),
        (
            {"input_tokens": "2147483648"},
            "row 0, column 'input_tokens': must be an int ≤ 2147483647; got '2147483648'.",
        ),
        ({"output_tokens": "-1"}, "row 0, column 'output_tokens': must be an int ≥ 0; got '-1'."),
        ({"output_tokens": "1.0"}, "row 0, column 'output_tokens': must be an int; got '1.0'."),
        ({"arrival_time_us": ""}, "row 0, column 'arrival_time_us': must be an int; got ''."),
        ({"arrival_time_us": "-5"}, "row 0, column 'arrival_time_us': must be an int ≥ 0; got '-5'."),
        ({"request_id": "r1"}, "row 0, column 'request_id': must be an int; got 'r1'."),
        ({"num_chunks": "two"}, "row 0, column 'num_chunks': must be an int; got 'two'."),
        ({"reason_ratio": "nan"}, "row 0, column 'reason_ratio': must be a finite number; got 'nan'."),
        ({"streaming": "yes"}, "row 0, column 'streaming': must be one of true, false; got 'yes'."),
        ({"status": "okay"}, "row 0, column 'status': must be one of ok, error, timeout; got 'okay'."),
        ({"reason_ratio": "1.5"}, "row 0, column 'reason_ratio': must be a number in [0, 1]; got '1.5'. See line 2."),
        ({"image_tokens": "-1"}, "row 0, column 'image_tokens': must be an int ≥ 0; got '-1'."),
        (
            {"image_tokens": "60", "video_tokens": "41"},
            "row 0, column 'video_tokens': must be an int that leaves the parts of the prompt ≤ input_tokens together",
        ),
        ({"status": "error"}, "must hold at least one record with status ok; all 1 have another."),
        (
            {"prefix_group": "g", "prefix_length": "101"},
            "row 0, column 'prefix_length': must be an int ≤ input_tokens",
        ),
        (
            {"prefix_length": "1"},
            "row 0, column 'prefix_length': must be an int ≤ input_tokens, and 0 without",
        ),
    ],
)
def test_wrong_cells_are_refused(load, row, message):
    with pytest.raises(ConfigError) as error:
        load(csv_of(row, extra=["prefix_length"] if "prefix_length" in row else []))

    assert message in str(error.value)


def test_the_row_is_that_of_the_file_although_failed_records_are_left_out(load):
    with pytest.raises(ConfigError, match="row 2, column 'input_tokens': must be an int ≥ 0; got '-1'"):
        load(csv_of({"status": "error"}, {}, {"input_tokens": "-1"}))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER + "modes: real\n", "unknown key 'modes'; did you mean 'mode'?"),
        (HEADER + "mode: real\n", "the key 'mode' is given twice"),
        (
            HEADER.replace("generated", "generate"),
            "mode: no choice named 'generate'; did you mean 'generated'?",
        ),
        (HEADER.replace("2", "4") + "new: 1\n", "trace_version must be an int in [1, 3]; got 4."),
        (HEADER.replace("us", "ms"), "time_unit: no choice named 'ms'"),
        (HEADER.replace("2", "two"), "trace_version must be an int in [1, 3]; got 'two'."),
        (
            HEADER + "server: {block_sise: 16}\n",
            "server: unknown key 'block_sise'; did you mean 'block_size'?",
        ),
        (
            HEADER + "network: {measured_rtt_ms: -1}\n",
            "measured_rtt_ms must be a finite number ≥ 0 [ms]; got -1.",
        ),
        ("- 1\n", "must be a mapping of keys to values; got [1]."),
        ("a: [\n", "is not a valid YAML file"),
    ],
)
def test_wrong_headers_are_refused(load, header, message):
    with pytest.raises(ConfigError) as error:
        load(csv_of({}), header)

    assert message in str(error.value)


def test_columns_must_have_their_names(load):
    with pytest.raises(ConfigError, match=r"unknown column 'state' at position 20; did you mean 'status'"):
        load(csv_of({}).replace("status", "state"))


def test_missing_columns_are_refused(load):
    with pytest.raises(ConfigError, match=r"must have the 22 columns of a trace; 'error_message' is missing"):
        load("\n".join(line.rsplit(",", 1)[0] for line in csv_of({}).splitlines()))


def test_a_missing_data_file_is_refused(file):
    with pytest.raises(ConfigError, match=r"workload.data_path must be the path of a file; there is none at"):
        Params.from_mapping("workload", {"path": file("only.yaml", HEADER)})


VERSION_3 = [
    *COLUMNS[:4],
    "vllm_priority",
    *COLUMNS[4:7],
    "prefix_length",
    *COLUMNS[7:15],
    *("model", "deadline_us", "slo_target_us", "server_input_tokens"),
    *COLUMNS[15:],
    *("finish_reason", "x_request_id", "adapter"),
]


def version_3(*rows):
    blank = {**dict.fromkeys(VERSION_3, ""), **ROW, "prefix_length": "0", "server_input_tokens": "0"}
    return (
        "\n".join([",".join(VERSION_3), *(",".join({**blank, **row}[name] for name in VERSION_3) for row in rows)])
        + "\n"
    )


def test_an_observed_trace_of_version_3_is_read_by_the_names_of_its_columns(load, assert_lawful):
    header = HEADER.replace("2", "3").replace("generated", "real") + "workload_seed: 42\n"
    rows = [
        {"send_time_us": "1782183938210545", "server_input_tokens": "90", "model": "m", "finish_reason": "length"},
        {"send_time_us": "1782183938491284", "server_input_tokens": "0", "tenant_id": "u"},
        {"send_time_us": "1782183938590581", "server_input_tokens": "95", "prefix_group": "g", "prefix_length": "32"},
        {"send_time_us": "1782183938590582", "status": "error", "server_input_tokens": "0"},
    ]
    requests = load(version_3(*rows), header)

    assert_lawful(requests)
    assert requests.arrival_us.tolist() == [0, 280_739, 380_036]
    # the server counted the first prompt; that of a group keeps its own count, which the group's text is part of
    assert requests.input_tokens.tolist() == [90, 100, 100]
    assert requests.prefix_tokens.tolist() == [0, 0, 32]
    assert requests.tenants == ("t", "u")
    assert requests.notes == (
        "1 of 4 records have a status other than ok and are left out",
        "1 of 3 prompts have the length that the server counted (server_input_tokens)",
        "time 0 is second 1782183938 of the log (keep_origin: true keeps its times)",
    )


def test_an_unknown_version_is_refused_before_keys_that_only_it_has(load):
    with pytest.raises(ConfigError, match=r"trace_version must be an int in \[1, 3\]; got 7"):
        load(csv_of({}), HEADER.replace("2", "7") + "shards: 4\n")
