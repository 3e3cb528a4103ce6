"""What a server says of itself, as the header of a trace has it: what it is, and the KV cache behind it.

Sources: `owned_by` and `max_model_len` of OpenAI's list of models, `GET /version`, and the labels of vLLM's gauge
`vllm:cache_config_info` (vLLM 0.32, `vllm/entrypoints/serve/instrumentator` and `vllm/v1/metrics/loggers.py`). What a
server does not say is left out.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from blis.observing.exchange import HTTP_OK, MOST_OF_ERROR_BYTES, beginning
from blis.observing.packages import needed
from blis.observing.reaching import MOST_LETTERS, Served
from blis.observing.server_metrics import TIMEOUT_S, Sample

#: The gauge, one for each engine, and its labels by the names that the header has for them.
_CACHE_CONFIG = "vllm:cache_config_info"
_LABELS = {
    "block_size": "block_size",
    "gpu_memory_utilization": "gpu_memory_utilization",
    "kv_blocks": "num_gpu_blocks",
}


async def told_before(session: Any, served: Served) -> dict[str, Any]:
    """What the server says before anything is sent: its kind, its version, and how long a sequence may be."""
    found = {"type": served.owner, "version": await _version(session), "max_model_len": served.most_tokens}
    return {name: value for name, value in found.items() if value is not None}


def header(model: str, told: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, Any]:
    """The server's part of a trace's header, in the order of its names.

    Parameters
    ----------
    model : str
    told : mapping
        What `told_before` has found.
    samples : iterable of Sample
        What its metrics said.
    """
    found = {**told, "model": model, **_cache_config(samples)}
    names = ("type", "version", "model", "block_size", "kv_blocks", "max_model_len", "gpu_memory_utilization")
    return {name: found[name] for name in names if name in found}


async def _version(session: Any) -> str | None:
    aiohttp = needed("aiohttp")
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with session.get("version", timeout=timeout, allow_redirects=False) as response:
            if response.status != HTTP_OK:
                return None
            document = json.loads(await beginning(response, MOST_OF_ERROR_BYTES))
    except (aiohttp.ClientError, OSError, ValueError, RecursionError):
        return None
    version = document.get("version") if isinstance(document, Mapping) else None
    return version if isinstance(version, str) and 0 < len(version) <= MOST_LETTERS else None


def _cache_config(samples: Iterable[Sample]) -> dict[str, float]:
    """What all engines say alike, as numbers."""
    labels = [json.loads(one.labels) for one in samples if one.name == _CACHE_CONFIG]
    found = {}
    for name, label in _LABELS.items():
        values = {_number(each.get(label)) for each in labels}
        if len(values) == 1 and (value := values.pop()) is not None:
            found[name] = value
    return found


def _number(text: object) -> float | int | None:
    try:
        value = float(str(text))
    except ValueError:
        return None
    if not math.isfinite(value) or value <= 0:
        return None
    return int(value) if value.is_integer() and "." not in str(text) else value
