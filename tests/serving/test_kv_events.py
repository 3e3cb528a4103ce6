"""KV events: what is told of a cache that fills and overflows, and how it is packed."""

from typing import Any

import numpy as np
import pytest

from blis.serving.block_numbers import BlockNumbers
from blis.serving.cache_changes import CacheChanges
from blis.serving.engine import Engine, Sequence
from blis.serving.kv_events import Publisher, cleared, events_of
from tests.serving.deployments import BLOCK, prepared


class Nobody:
    """Takes tokens, and does nothing with them."""

    def on_tokens(self, n_tokens: int, due_us: int, is_end: bool) -> None:
        """Nothing."""

    def on_refusal(self, status: int, due_us: int) -> None:
        """Nothing."""


def sequence(first: int, n_prompt: int, n_output: int = 1) -> Sequence:
    tokens = np.arange(first, first + n_prompt + n_output, dtype=np.int32)
    prompt = tokens[:n_prompt]
    return Sequence(prompt, tokens[n_prompt:], "length", Nobody(), prompt.tobytes())


def served(engine: Engine, one: Sequence, at_us: int) -> None:
    engine.add(one, at_us)
    engine.run_until(at_us + 500_000)


def test_blocks_with_equal_beginnings_have_equal_numbers() -> None:
    blocks = BlockNumbers(2)

    first = blocks.of(np.array([1, 2, 3, 4, 5], np.int32))
    second = blocks.of(np.array([1, 2, 9, 9, 3, 4], np.int32))

    assert first.tolist() == [0, 1]
    assert second.tolist() == [0, 2, 3]  # 3, 4 behind another beginning is another block


def test_what_is_cached_is_told_once_and_what_is_evicted_is_taken_back() -> None:
    engine = Engine(prepared(n_instances=1), with_hashes=True)
    changes = CacheChanges(engine)

    served(engine, sequence(0, 12), 0)
    (first,) = changes.look()
    served(engine, sequence(0, 12), 10**6)
    again = changes.look()
    for number in range(1, 4):
        served(engine, sequence(1000 * number, 40), (1 + number) * 10**6)
    (last,) = changes.look()

    # 12 prompt tokens are three whole blocks of 4.
    assert first == ((tuple(range(12 // BLOCK)),), ())
    assert all(not one.stored and not one.removed for one in again)
    # Of 33 blocks 24 have room: the first three go, and the last six of the next prompt, which nobody was told of.
    assert [len(chain) for chain in last.stored] == [4, 10, 10]
    assert last.removed == (0, 1, 2)


@pytest.mark.parametrize("form", ["array", "map"])
def test_events_are_packed_as_vllm_packs_them(form: str) -> None:
    engine = Engine(prepared(n_instances=1), with_hashes=True)
    changes = CacheChanges(engine)
    served(engine, sequence(0, 8), 0)
    changes.look()
    served(engine, sequence(0, 16), 10**6)

    (event,) = events_of(changes.look()[0], engine.blocks, BLOCK, form)

    hashes = [engine.blocks.hash_of(number) for number in range(4)]
    fields = {
        "block_hashes": hashes[2:],
        "parent_block_hash": hashes[1],
        "token_ids": list(range(8, 16)),
        "block_size": BLOCK,
        "lora_id": None,
        "medium": "GPU",
        "lora_name": None,
    }
    later = {"group_idx": 0, "kv_cache_spec_kind": "full_attention"}
    assert event == (
        ["BlockStored", *fields.values()] if form == "array" else {"type": "BlockStored", **fields, **later}
    )
    assert cleared(form) == (["AllBlocksCleared"] if form == "array" else {"type": "AllBlocksCleared"})


def test_a_message_is_a_topic_a_number_and_a_batch() -> None:
    zmq, msgpack = pytest.importorskip("zmq"), pytest.importorskip("msgpack")
    publisher = Publisher("tcp://127.0.0.1:*", "kv@pod@model")
    reader: Any = zmq.Context.instance().socket(zmq.SUB)
    reader.connect(publisher.address)
    reader.setsockopt(zmq.SUBSCRIBE, b"kv@")
    reader.setsockopt(zmq.RCVTIMEO, 100)

    received = None
    while received is None:  # a reader misses what is sent before it has been heard
        publisher.publish([cleared("map")], 12.5)
        try:
            received = reader.recv_multipart()
        except zmq.Again:
            continue
    publisher.close()
    reader.close()

    topic, number, batch = received
    assert topic == b"kv@pod@model"
    assert 0 <= int.from_bytes(number, "big") < publisher.n_sent
    assert msgpack.unpackb(batch) == [12.5, [{"type": "AllBlocksCleared"}], 0]
