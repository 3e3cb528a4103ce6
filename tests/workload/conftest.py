from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture
def data():
    return DATA


@pytest.fixture
def file(tmp_path):
    """Write a file and return its path."""

    def write(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def assert_lawful():
    """Check what every table of requests must satisfy."""

    def check(requests):
        n = len(requests)
        names = ("arrival_us", "input_tokens", "output_tokens", "keys", "key_offsets", "prompt", "number")
        for name in (*names, "slo_class", "tenant", "session", "round", "prefix_group", "prefix_tokens"):
            array = getattr(requests, name)
            assert not array.flags.writeable, name
            assert array.flags.c_contiguous, name
            wide = name not in ("slo_class", "tenant", "session", "round", "prefix_group")
            assert array.dtype == (np.int64 if wide else np.int32), name
            if name not in ("keys", "key_offsets"):
                assert len(array) == n, name
        others = {"after": np.int64, "think_us": np.int64, "reason_ratio": np.float64, "streaming": np.bool_}
        others |= dict.fromkeys(("image_tokens", "audio_tokens", "video_tokens", "client"), np.int32)
        for name, dtype in others.items():
            array = getattr(requests, name)
            assert not array.flags.writeable, name
            assert array.dtype == dtype, name
            assert array.shape == (n,), name
        assert (requests.after < np.arange(n)).all()
        assert (requests.think_us >= 0).all()
        assert (requests.think_us[requests.after < 0] == 0).all()
        assert (requests.text_tokens >= 0).all()
        assert ((requests.reason_ratio >= 0) & (requests.reason_ratio <= 1)).all()
        assert requests.client.max() < len(requests.clients)
        assert len(requests.networks) in (0, len(requests.clients))
        assert (np.diff(requests.arrival_us) >= 0).all()
        assert requests.arrival_us[0] >= 0
        assert (requests.input_tokens >= 1).all()
        assert (requests.output_tokens >= 0).all()
        assert requests.key_offsets[0] == 0
        assert requests.key_offsets[-1] == len(requests.keys)
        blocks = (requests.input_tokens + requests.output_tokens) // requests.block_size_tokens
        assert (np.diff(requests.key_offsets) <= blocks).all()
        uses = np.bincount(requests.keys)
        assert (uses >= 2).all(), "keys are dense, and kept only where shared"
        for name in ("slo_class", "tenant", "session", "prefix_group"):
            table = getattr(requests, {"slo_class": "slo_classes"}.get(name, name + "s"))
            assert getattr(requests, name).max() < len(table)

    return check
