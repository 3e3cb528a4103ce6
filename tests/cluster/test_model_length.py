from dataclasses import replace

import pytest

from blis.cluster.catalog import read_model
from blis.cluster.model_length import max_model_len

QWEN = read_model("qwen3-14b")
SCOUT = "llama-4-scout-17b-16e-instruct-fp8-dynamic"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 40960),
        ({"max_positions": 0}, 0),
        ({"rope_type": "linear", "rope_factor": 2.5}, 102400),
        ({"rope_type": "yarn", "rope_factor": 4.0, "rope_original_positions": 32768}, 131072),
        ({"rope_type": "yarn", "rope_factor": 4.0}, 163840),
        ({"rope_type": "linear", "rope_factor": 4.0, "rope_original_positions": 32768}, 163840),
        ({"rope_type": "linear", "rope_factor": 1.0}, 40960),
        ({"rope_type": "su", "rope_factor": 4.0}, 40960),
        ({"rope_type": "longrope", "rope_factor": 4.0}, 40960),
        ({"rope_type": "llama3", "rope_factor": 4.0}, 40960),
        ({"rope_type": "linear", "rope_factor": 4.0, "model_type": "gemma3_text"}, 40960),
    ],
)
def test_the_longest_sequence_follows_rope_scaling(changes, expected):
    assert max_model_len(replace(QWEN, **changes)) == expected


def test_the_longest_sequence_of_shipped_models():
    assert max_model_len(read_model("deepseek-v2-lite")) == 163_840
    assert max_model_len(read_model("llama-3.1-70b-instruct")) == 131_072
    assert max_model_len(read_model(SCOUT)) == 10_485_760
