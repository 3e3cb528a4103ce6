"""Logs of prompts that are known by hashes of blocks: Mooncake, Dynamo, AIPerf, Qwen-Bailian."""

import json

import numpy as np
import pytest

from blis.foundation.answers import answer
from blis.foundation.errors import ConfigError
from blis.workload.plan import workload_plan


@pytest.fixture
def load(file):
    def read(kind, *records, block_size=16, **options):
        path = file("l.jsonl", "".join(json.dumps(record) + "\n" for record in records))
        plan = workload_plan({"kind": kind, "path": str(path), **options})
        return answer("workload", kind).generate(plan.params, 1, block_size)

    return read


def row(time, n_input, ids=None, n_output=4, **more):
    hashes = {} if ids is None else {"hash_ids": ids}
    return {"timestamp": time, "input_length": n_input, "output_length": n_output, **hashes, **more}


def shared_blocks(requests):
    return np.diff(requests.key_offsets).tolist()


def test_rows_without_hashes_share_nothing_and_are_counted(load, assert_lawful):
    requests = load("mooncake", row(0, 300), row(1000, 200), row(2000, 600, [1, 2]))

    assert_lawful(requests)
    assert shared_blocks(requests) == [0, 0, 0]
    assert requests.notes == ("2 of 3 rows have no hash_ids: their prompts share nothing",)


def test_blocks_of_another_size_are_found_where_all_rows_have_them_and_noted(load):
    requests = load("mooncake", row(0, 4096, [1, 2, 3, 4]), row(1000, 4096, [1, 2, 3, 4]))

    assert shared_blocks(requests) == [256, 256]  # 4096 tokens in blocks of 16
    assert requests.notes == ("the rows have one hash per 1024 tokens, not per 512 (hash_block_tokens)",)


def test_hashes_of_whole_blocks_only_are_understood_and_noted(load):
    requests = load("mooncake", row(0, 600, [1]), row(1000, 1100, [1, 2]))

    assert shared_blocks(requests) == [32, 32]
    assert requests.notes == (
        "2 rows have hashes of whole blocks only: the last tokens of these prompts share nothing",
    )


def test_a_row_with_fewer_hashes_than_blocks_is_refused(load):
    with pytest.raises(ConfigError) as error:
        load("mooncake", row(0, 600, [1, 2]), row(1000, 4096, [1, 2]))

    assert "row 1, field 'hash_ids': must be a list of 8 ints, one per 512 tokens of the prompt" in str(error.value)
    assert str(error.value).endswith("got 2 for 4096 tokens. See line 2.")


def test_the_size_of_blocks_can_be_given_and_is_then_checked(load):
    rows = row(0, 128, [1, 2]), row(1000, 128, [1, 2])

    assert load("mooncake", *rows, hash_block_tokens=64).notes == ()
    with pytest.raises(ConfigError, match="must be a list of 4 ints, one per 32 tokens"):
        load("mooncake", *rows, hash_block_tokens=32)


def test_hashes_of_64_bits_without_a_sign_are_understood(load):
    requests = load("mooncake", row(0, 512, [2**64 - 1]), row(1000, 512, [2**64 - 1]))

    assert shared_blocks(requests) == [32, 32]


def test_a_later_row_of_a_session_comes_its_delay_after_the_answer(load, assert_lawful):
    first = row(1000, 2048, [1, 2, 3, 4], 128, session_id="a")
    later = {"session_id": "a", "delay": 500, "input_length": 2560, "output_length": 64, "hash_ids": [1, 2, 3, 4, 5]}
    requests = load("mooncake", first, later, row(1500, 512, [9]))

    assert_lawful(requests)
    # estimated: 128 tokens of 10 ms, and 500 ms
    assert requests.arrival_us.tolist() == [0, 500_000, 1_780_000]
    assert requests.after.tolist() == [-1, -1, 0]
    assert requests.think_us.tolist() == [0, 0, 500_000]
    assert requests.round.tolist() == [0, 0, 1]
    assert shared_blocks(requests) == [128, 0, 128]


def test_who_waited_for_a_row_that_is_left_out_comes_at_the_estimated_time(load):
    later = {"session_id": "a", "delay": 500, "input_length": 20, "output_length": 6}
    requests = load("mooncake", row(0, 10, session_id="a"), later, skip_requests=1)

    assert (requests.arrival_us.tolist(), requests.after.tolist(), requests.think_us.tolist()) == ([0], [-1], [0])


def test_rows_without_any_time_are_drawn_at_the_rate_that_must_be_given(load):
    rows = [{"input_length": 10, "output_length": 4} for _ in range(101)]

    assert load("mooncake", *rows, rate=10).arrival_us[-1] == 10_000_000
    with pytest.raises(ConfigError, match=r"workload.rate must be given \[requests/s\], since .* says no times"):
        load("mooncake", *rows)


def test_a_row_without_time_and_predecessor_is_refused(load):
    with pytest.raises(
        ConfigError, match="row 1: must have a timestamp, or an earlier row of its session; got neither"
    ):
        load("mooncake", row(0, 10), {"input_length": 10, "output_length": 4})


def test_fields_without_effect_are_noted(load):
    requests = load("mooncake", row(0, 10, [1], priority=3, model="x"))

    assert requests.notes[-1] == "no effect here have the fields model, priority"


CHAT = {"chat_id": 1, "parent_chat_id": -1, "type": "text", "turn": 1}


def test_conversations_of_bailian_have_sessions_types_and_hashes_of_16_tokens(load, assert_lawful):
    requests = load(
        "bailian",
        row(0.5, 521, list(range(33)), 132, **CHAT),
        row(61.114, 700, [*range(32), *range(40, 52)], 80, **{**CHAT, "chat_id": 2, "parent_chat_id": 1, "turn": 2}),
        row(62, 16, [7], 80, **{**CHAT, "chat_id": 3, "type": "search"}),
    )

    assert_lawful(requests)
    assert requests.arrival_us.tolist() == [0, 60_614_000, 61_500_000]
    assert shared_blocks(requests) == [32, 32, 0]
    assert [requests.sessions[index] for index in requests.session] == ["1", "1", "3"]
    assert requests.round.tolist() == [0, 1, 0]
    assert [requests.tenants[index] for index in requests.tenant] == ["text", "text", "search"]
    assert requests.notes == ("time 0 is second 0.5 of the log (keep_origin: true keeps its times)",)


def test_a_turn_belongs_to_the_conversation_of_a_parent_that_the_file_does_not_hold(load):
    requests = load("bailian", row(0, 16, [1], **{**CHAT, "chat_id": 2, "parent_chat_id": 1, "turn": 2}))

    assert requests.sessions == ("1",)


def test_bailian_needs_times(load):
    with pytest.raises(ConfigError, match=r"row 0: must be a JSON object with timestamp \[s\]; fields: input_length"):
        load("bailian", {"input_length": 1, "output_length": 1, **CHAT})
