"""KV events over ZeroMQ, as vLLM publishes them and llm-d's router reads them.

A message has three parts: the topic, a number of 8 bytes in network order that counts messages from 0, and a batch in
msgpack: [time, [events], rank]. An event is a record with its name as its tag. Packed as an array the name comes first:
so older vLLM has it, and llm-d-kv-cache decodes it (pkg/kvevents/engineadapter/vllm_adapter.go). vLLM 0.32 packs it as
a map, whose key `type` holds the name (vllm/distributed/kv_events.py).
"""

from typing import Any

from blis.serving.block_numbers import BlockNumbers
from blis.serving.cache_changes import Changes

_MEDIUM = "GPU"
#: Fields that vLLM has had since it packs maps: one group of layers, all of which attend to everything.
_SINCE_MAPS: dict[str, dict[str, Any]] = {
    "BlockStored": {"group_idx": 0, "kv_cache_spec_kind": "full_attention"},
    "BlockRemoved": {"group_idx": 0},
}


def events_of(changes: Changes, blocks: BlockNumbers, block_size_tokens: int, form: str) -> list[Any]:
    """The events that tell of changes, what has left first.

    Parameters
    ----------
    changes : Changes
    blocks : BlockNumbers    with hashes
    block_size_tokens : int
    form : {"array", "map"}
    """
    events = []
    if changes.removed:
        removed = {"block_hashes": [blocks.hash_of(one) for one in changes.removed], "medium": _MEDIUM}
        events.append(_packed("BlockRemoved", removed, form))
    for chain in changes.stored:
        parent = blocks.parent_of(chain[0])
        stored = {
            "block_hashes": [blocks.hash_of(one) for one in chain],
            "parent_block_hash": blocks.hash_of(parent) if parent >= 0 else None,
            "token_ids": [token for one in chain for token in blocks.tokens_of(one)],
            "block_size": block_size_tokens,
            "lora_id": None,
            "medium": _MEDIUM,
            "lora_name": None,
        }
        events.append(_packed("BlockStored", stored, form))
    return events


def cleared(form: str) -> Any:
    """The event that says that nothing is cached."""
    return _packed("AllBlocksCleared", {}, form)


def _packed(name: str, fields: dict[str, Any], form: str) -> Any:
    if form == "array":
        return [name, *fields.values()]
    return {"type": name, **fields, **_SINCE_MAPS.get(name, {})}


class Publisher:
    """Publishes the events of one instance.

    Parameters
    ----------
    address : str
        Of ZeroMQ, such as tcp://127.0.0.1:5557, to which it is bound.
    topic : str
    """

    def __init__(self, address: str, topic: str) -> None:
        import zmq

        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUB)
        self._socket.set_hwm(100_000)  # as vLLM has it; beyond it slow readers miss events
        self._socket.bind(address)
        self._topic = topic.encode()
        self.n_sent = 0

    @property
    def address(self) -> str:
        """Where it is bound."""
        import zmq

        return self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def publish(self, events: list[Any], at_unix_s: float) -> None:
        """Send a batch, if there is anything in it."""
        if not events:
            return
        import msgpack

        batch = msgpack.packb([at_unix_s, events, 0], use_bin_type=True)
        self._socket.send_multipart((self._topic, self.n_sent.to_bytes(8, "big"), batch))
        self.n_sent += 1

    def close(self) -> None:
        """Let go of the address; what has been sent may still be on its way for a moment."""
        self._socket.close(linger=200)
