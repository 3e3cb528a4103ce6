"""What every recorded log can be told, whatever its format."""

import json

import pytest

from blis.command.workload_choice import format_of, readers, workload_names
from blis.foundation.answers import answer
from blis.foundation.errors import ConfigError
from blis.workload.description.summary import describe
from blis.workload.logs.trace_v2_records import COLUMNS
from blis.workload.plan import workload_plan

#: Arrivals [s] after second 1000 of the log, prompts and outputs of the same five requests in every format.
TIMES, PROMPTS, OUTPUTS = (0.0, 1.0, 2.0, 4.0, 8.0), (100, 200, 300, 400, 500), (5, 6, 7, 8, 9)
ORIGIN_S = 1000


def azure():
    rows = (
        f"2024-05-10 00:16:{40 + int(t):02d}.000,{i},{o}\n" for t, i, o in zip(TIMES, PROMPTS, OUTPUTS, strict=True)
    )
    return "l.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(rows)


def burstgpt():
    header = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    rows = (f"{ORIGIN_S + t},M,{i},{o},{i + o},API log\n" for t, i, o in zip(TIMES, PROMPTS, OUTPUTS, strict=True))
    return "l.csv", header + "".join(rows)


def json_lines(factor, **more):
    records = (
        {"timestamp": (ORIGIN_S + t) * factor, "input_length": i, "output_length": o, "hash_ids": [], **more}
        for t, i, o in zip(TIMES, PROMPTS, OUTPUTS, strict=True)
    )
    return "l.jsonl", "".join(json.dumps(record) + "\n" for record in records)


def trace_csv():
    rows = (f'{ORIGIN_S + t},,,"{[1] * i}","{[2] * o}"\n' for t, i, o in zip(TIMES, PROMPTS, OUTPUTS, strict=True))
    return "l.csv", "arrival_time,a,b,prefill,decode\n" + "".join(rows)


def trace_v2():
    row = {**dict.fromkeys(COLUMNS, "0"), "streaming": "true", "status": "ok", "session_id": "", "prefix_group": ""}
    rows = []
    for number, (t, i, o) in enumerate(zip(TIMES, PROMPTS, OUTPUTS, strict=True)):
        at_us = str(int((ORIGIN_S + t) * 1_000_000))
        times = {"arrival_time_us": at_us, "send_time_us": at_us}
        rows.append({**row, **times, "request_id": str(number), "input_tokens": str(i), "output_tokens": str(o)})
    return "l.yaml", "\n".join([",".join(COLUMNS), *(",".join(row.values()) for row in rows)]) + "\n"


def vllm_bench():
    lists = {"input_lens": PROMPTS, "output_lens": OUTPUTS, "start_times": [ORIGIN_S + t for t in TIMES]}
    return "l.json", json.dumps({"request_rate": "inf", "total_input_tokens": sum(PROMPTS), **lists})


FORMATS = {
    "azure": azure(),
    "burstgpt": burstgpt(),
    "mooncake": json_lines(1000),
    "bailian": json_lines(1, chat_id=1, parent_chat_id=-1, turn=1, type="text"),
    "trace-csv": trace_csv(),
    "trace-v2": trace_v2(),
    "vllm-bench": vllm_bench(),
}
every_format = pytest.mark.parametrize("kind", FORMATS)


@pytest.fixture
def path_of(file):
    """Write the log of a format and return its path."""

    def write(kind):
        name, text = FORMATS[kind]
        if kind == "trace-v2":
            file("l.csv", text)
            text = "trace_version: 2\nmode: real\n"
        return file(name, text)

    return write


@pytest.fixture
def load(path_of):
    def read(kind, block_size=16, seed=1, **options):
        plan = workload_plan({"kind": kind, "path": str(path_of(kind)), **options})
        return answer("workload", kind).generate(plan.params, seed, block_size)

    return read


def seconds(requests):
    return (requests.arrival_us / 1e6).tolist()


@every_format
def test_the_first_request_arrives_at_0(load, kind, assert_lawful):
    requests = load(kind)

    assert_lawful(requests)
    assert seconds(requests) == list(TIMES)
    assert requests.input_tokens.tolist() == list(PROMPTS)
    assert requests.output_tokens.tolist() == list(OUTPUTS)
    assert describe(requests)["arrivals"]["rate_per_s"]["mean"] == 0.5
    expected = (f"time 0 is second {ORIGIN_S} of the log (keep_origin: true keeps its times)",)
    notes = [note for note in requests.notes if "hash_ids" not in note]
    assert notes == ([] if kind == "azure" else list(expected))  # dates have no origin but the first of them


@every_format
def test_the_origin_can_be_kept(load, kind):
    requests = load(kind, keep_origin=True)

    assert seconds(requests) == [t + (0 if kind == "azure" else ORIGIN_S) for t in TIMES]


@every_format
def test_a_span_of_time_is_cut_out_and_begins_at_0(load, kind):
    requests = load(kind, span_start_s=1, span_end_s=8)

    assert seconds(requests) == [0, 1, 3]
    assert requests.input_tokens.tolist() == [200, 300, 400]
    assert requests.number.tolist() == [1, 2, 3]


@every_format
def test_requests_are_skipped_before_the_limit_counts(load, kind):
    requests = load(kind, skip_requests=2, num_requests=2)

    assert seconds(requests) == [0, 2]
    assert requests.input_tokens.tolist() == [300, 400]


@every_format
def test_a_rate_holds_for_what_is_replayed(load, kind):
    assert seconds(load(kind, skip_requests=3, rate=4)) == [0, 0.25]


@every_format
def test_of_a_stretch_every_seed_draws_requests_in_a_row(load, kind):
    parts = [load(kind, seed=seed, stretch=[0.2, 1], num_requests=2).number.tolist() for seed in range(20)]

    assert sorted({tuple(part) for part in parts}) == [(1, 2), (2, 3), (3, 4)]
    assert load(kind, seed=7, stretch=[0.2, 1], num_requests=2).number.tolist() == parts[7]
    assert load(kind, stretch=[0.2, 1]).number.tolist() == [1, 2, 3, 4]  # all of it, whatever the seed
    assert seconds(load(kind, stretch=[0.6, 1], rate=4)) == [0, 0.25]


@pytest.mark.parametrize("stretch", [[0.5], 0.5, "ab", [0.5, 0.5], [0.5, 2.0], [float("nan"), 1.0]])
def test_a_wrong_stretch_is_refused(load, stretch):
    with pytest.raises(ConfigError, match=r"workload\.stretch"):
        load("azure", stretch=stretch)


@every_format
def test_a_part_without_requests_is_refused(load, kind):
    with pytest.raises(ConfigError, match="of its 5 requests, within 8 s, none is left"):
        load(kind, span_start_s=9)


@every_format
def test_a_format_is_told_by_its_content(path_of, kind):
    assert format_of(path_of(kind)) == kind


@pytest.mark.parametrize("kind", readers())
def test_every_reader_has_a_file_of_configuration(kind):
    assert kind in workload_names()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"skip_requests": -1}, "workload.skip_requests must be an int in [0, 100000000]; got -1."),
        ({"span_start_s": -1}, "workload.span_start_s must be a finite number ≥ 0 [s]; got -1."),
        ({"span_start_s": 5, "span_end_s": 5}, "workload.span_end_s must be > span_start_s [s]; got 5."),
        ({"keep_origin": "yes"}, "workload.keep_origin must be true or false; got 'yes'."),
        ({"empty_prompts": "skip"}, "workload.empty_prompts: no choice named 'skip'"),
        ({"skip_request": 1}, "workload: unknown key 'skip_request'; did you mean 'skip_requests'?"),
    ],
)
def test_wrong_options_are_refused(load, options, message):
    with pytest.raises(ConfigError) as error:
        load("burstgpt", **options)

    assert str(error.value).startswith(message)


@pytest.mark.parametrize(("choice", "lengths", "what"), [("drop", [9], "left out"), ("keep", [1, 9], "count as 1")])
def test_requests_without_a_prompt_are_left_out_or_kept_and_counted(file, choice, lengths, what):
    rows = "2023-11-16 18:15:46,0,44\n2023-11-16 18:17:00,9,7\n"
    path = file("a.csv", f"TIMESTAMP,ContextTokens,GeneratedTokens\n{rows}")
    plan = workload_plan({"kind": "azure", "path": str(path), "empty_prompts": choice})
    requests = answer("workload", "azure").generate(plan.params, 1, 16)

    assert requests.input_tokens.tolist() == lengths
    assert requests.arrival_us[0] == 0
    assert requests.notes[0].startswith("1 of 2 requests have no prompt tokens and ")
    assert what in requests.notes[0]


def test_a_log_of_empty_prompts_is_refused(file):
    path = file("a.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,0,44\n")

    with pytest.raises(ConfigError, match="the log must hold a request with a prompt"):
        answer("workload", "azure").generate(workload_plan({"kind": "azure", "path": str(path)}).params, 1, 16)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (
            "azure",
            "9999-01-01 00:00:00,1,2\n2023-01-01 00:00:00,1,2",
            "row 0, column 'TIMESTAMP': must be a date and time",
        ),
        ("azure", "1969-12-31 00:00:00,1,2", "row 0, column 'TIMESTAMP': must be a date and time of the years 1970 to"),
        ("azure", "2023-01-01 00:00:00,1099511627776,2", "row 0, column 'ContextTokens': must be an int ≤ 2147483647;"),
        (
            "azure",
            f"2023-01-01 00:00:00,1,{2**63}",
            "row 0, column 'GeneratedTokens': must be an int ≤ 2147483647; got",
        ),
        (
            "azure",
            f"2023-01-01 00:00:00,1,{'9' * 400}",
            "row 0, column 'GeneratedTokens': must be an int ≤ 2147483647;",
        ),
        (
            "azure",
            f"2023-01-01 00:00:00,1,{-(2**70)}",
            "row 0, column 'GeneratedTokens': must be an int ≥ 0; got '-118",
        ),
        ("burstgpt", "1e12,M,1,1,2,x", "row 0, column 'Timestamp': must be a finite number ≤ 100000000000; got '1e12'"),
    ],
)
def test_numbers_and_dates_out_of_bounds_name_row_and_column(file, kind, text, message):
    header = FORMATS[kind][1].splitlines()[0]
    path = file("a.csv", f"{header}\n{text}\n")

    with pytest.raises(ConfigError) as error:
        answer("workload", kind).generate(workload_plan({"kind": kind, "path": str(path)}).params, 1, 16)
    assert message in str(error.value)


def test_dates_of_two_centuries_do_not_overflow(file):
    rows = "2199-12-31 23:59:59.9999999,1,2\n1970-01-01 00:00:00,1,2\n"
    path = file("a.csv", f"TIMESTAMP,ContextTokens,GeneratedTokens\n{rows}")
    requests = answer("workload", "azure").generate(workload_plan({"kind": "azure", "path": str(path)}).params, 1, 16)

    assert requests.arrival_us.tolist() == [0, 7_258_118_400_000_000]  # 84,006 days


@pytest.mark.parametrize("kind", ["azure", "burstgpt", "trace-csv", "trace-v2"])
def test_two_columns_of_one_name_are_refused(file, kind):
    header, *rows = FORMATS[kind][1].splitlines()
    name = header.split(",")[-1]
    path = file("l.csv", "\n".join([f"{header},{name}", *(f"{row},1" for row in rows)]))
    if kind == "trace-v2":
        path = file("l.yaml", "trace_version: 2\nmode: real\n")

    with pytest.raises(ConfigError, match=f"must have one column '{name}'; columns"):
        answer("workload", kind).generate(workload_plan({"kind": kind, "path": str(path)}).params, 1, 16)


@pytest.mark.parametrize("zone", ["", "Z", "+00:00", "+0000", "-00:00"])
def test_dates_may_name_universal_time(file, zone):
    rows = f"2024-05-10T00:00:00.001{zone},100,5\n2024-05-10T00:00:01{zone},100,5\n"
    path = file("a.csv", f"TIMESTAMP,ContextTokens,GeneratedTokens\n{rows}")
    requests = answer("workload", "azure").generate(workload_plan({"kind": "azure", "path": str(path)}).params, 1, 16)

    assert requests.arrival_us.tolist() == [0, 999_000]


def test_dates_of_another_zone_are_refused(file):
    path = file("a.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10T00:00:00+02:00,100,5\n")

    with pytest.raises(ConfigError, match="in UTC, such as"):
        answer("workload", "azure").generate(workload_plan({"kind": "azure", "path": str(path)}).params, 1, 16)
