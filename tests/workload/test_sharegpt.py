import json

import numpy as np
import pytest

from blis.command.workload_choice import format_of
from blis.foundation.errors import ConfigError
from blis.workload.kinds.sharegpt import Params, generate


def said(*texts):
    return [{"from": ("human", "gpt")[k % 2], "value": text} for k, text in enumerate(texts)]


@pytest.fixture
def load(file):
    def read(*conversations, name="s.json", **options):
        records = [{"id": str(k), "conversations": messages} for k, messages in enumerate(conversations)]
        text = json.dumps(records) if name == "s.json" else "\n".join(map(json.dumps, records))
        options = {"path": file(name, text), "rate": 1, **options}
        return generate(Params.from_mapping("workload", options), 1, 16)

    return read


@pytest.mark.parametrize("name", ["s.json", "s.jsonl"])
def test_the_first_question_and_answer_of_each_conversation_are_used(load, name):
    requests = load(said("x" * 40, "y" * 9, "z" * 400, "a"), said("b" * 4, "c" * 4), name=name)

    assert requests.input_tokens.tolist() == [10, 1]
    assert requests.output_tokens.tolist() == [3, 1]
    assert requests.arrival_us.tolist() == [0, 1_000_000]
    assert requests.notes[0] == "lengths are estimated: 4 characters per token"


def test_whole_conversations_repeat_what_was_said_and_wait_for_answers(load, assert_lawful):
    requests = load(said("x" * 400, "y" * 120, "z" * 40, "a" * 80), turns="all")

    assert_lawful(requests)
    assert requests.input_tokens.tolist() == [100, 100 + 30 + 10]
    assert requests.output_tokens.tolist() == [30, 20]
    assert np.diff(requests.key_offsets).tolist() == [8, 8]  # 130 tokens
    assert requests.after.tolist() == [-1, 0]
    assert requests.round.tolist() == [0, 1]


def test_a_text_of_the_system_belongs_to_the_prompt(load):
    messages = [{"from": "system", "value": "s" * 8}, *said("x" * 40, "y" * 9)]

    assert load(messages).input_tokens.tolist() == [12]


def test_the_estimate_can_be_changed(load):
    assert load(said("x" * 40, "y" * 9), characters_per_token=2.5).input_tokens.tolist() == [16]


def test_conversations_without_an_answer_are_counted(load):
    requests = load(said("x"), said("x", "y"), [])

    assert len(requests) == 1
    assert "2 conversations have no question with an answer and are left out" in requests.notes


def test_the_file_tells_its_format(file):
    assert format_of(file("s.json", json.dumps([{"id": "a", "conversations": said("x", "y")}], indent=1))) == "sharegpt"


def test_wrong_files_are_refused(load, file):
    with pytest.raises(ConfigError, match="must hold a question with an answer; there is none"):
        load(said("x"))
    with pytest.raises(ConfigError, match=r"row 0, conversations\[0\]: must be a JSON object with from and value"):
        load(["x"])
    with pytest.raises(ConfigError, match="row 0: must be a JSON object with a list conversations; fields: id"):
        load("x")
    with pytest.raises(ConfigError, match=r"workload.turns: no choice named 'last'"):
        load(said("x", "y"), turns="last")
    with pytest.raises(ConfigError, match=r"workload.rate must be given"):
        load(said("x", "y"), rate=None)
