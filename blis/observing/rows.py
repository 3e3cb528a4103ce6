"""The requests of a workload that are sent, what marks them, and what of them a real server cannot be told."""

import hashlib
from dataclasses import replace

import numpy as np

from blis.foundation.errors import ConfigError
from blis.observing.reaching import Served
from blis.observing.settings import ObserveSettings
from blis.workload.plan import generate_requests
from blis.workload.requests import Requests


def workload_of(settings: ObserveSettings) -> Requests:
    """The requests that are sent.

    Raises
    ------
    ConfigError
        If two have the same number, by which a trace tells them apart.
    """
    requests = generate_requests(settings.workload, settings.seed, settings.prompt_block_tokens)
    if settings.max_requests is not None:
        requests = first_requests(requests, settings.max_requests)
    if len(np.unique(requests.number)) != len(requests):
        raise ConfigError("workload: every request must have a number of its own; two have the same.")
    return requests


def first_requests(requests: Requests, most: int) -> Requests:
    """The first so many requests: whoever they wait for is earlier, and so among them."""
    if most >= len(requests):
        return requests
    names = [name for name in requests.__dataclass_fields__ if name not in ("key_offsets", "keys")]
    cut = {name: getattr(requests, name)[:most] for name in names if isinstance(getattr(requests, name), np.ndarray)}
    offsets = requests.key_offsets[: most + 1]
    return replace(requests, **cut, key_offsets=offsets, keys=requests.keys[: offsets[-1]])


def digest_of(requests: Requests) -> str:
    """What differs where any request differs."""
    digest = hashlib.sha256()
    for name in requests.__dataclass_fields__:
        value = getattr(requests, name)
        if name not in ("notes", "networks", "retries"):
            digest.update(name.encode())
            is_array = isinstance(value, np.ndarray)
            digest.update(np.ascontiguousarray(value).tobytes() if is_array else repr(value).encode())
    return digest.hexdigest()


def unsaid(requests: Requests, served: Served) -> list[str]:
    """What a simulation would make of these requests, and a real server cannot be told, as lines for people."""
    notes = []
    n_media = int((requests.text_tokens < requests.input_tokens).sum())
    if n_media:
        notes.append(f"{n_media} requests have images, audio or video: they are sent as text of as many tokens")
    if requests.networks:
        notes.append("the workload's networks are left out: what is between this machine and the server is measured")
    if requests.retries is not None:
        notes.append("the workload's retries are left out: retries.attempts=N sends again what the server refuses")
    if served.most_tokens is not None:
        n_long = int((requests.input_tokens + np.maximum(requests.output_tokens, 1) > served.most_tokens).sum())
        if n_long:
            notes.append(f"{n_long} requests have more than the {served.most_tokens} tokens that the server takes")
    n_empty = int((requests.output_tokens < 1).sum())
    if n_empty:
        notes.append(f"{n_empty} requests want no output: one token is asked for")
    return notes
