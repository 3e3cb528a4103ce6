"""The table of requests as the kernel reads it, and what the kernel must know of it beforehand."""

from functools import lru_cache

import numpy as np

from blis.engine.codes import NEVER_US
from blis.engine.request_fields import workload_table
from blis.engine.state import Workload
from blis.foundation.slo import CLASSES, class_index
from blis.foundation.units import Int32Vector, Int64Vector
from blis.workload.requests import Requests
from blis.workload.segments import segments_of_keys


@lru_cache(maxsize=8)
def workload_arrays(
    requests: Requests,
    block_size_tokens: int,
    copies_findable: bool,
    ttft_targets_us: tuple[int, ...],
    itl_targets_us: tuple[int, ...],
    models: tuple[int, ...] = (),
) -> Workload:
    """The requests as the kernel reads them; made once for the many simulations that share them.

    Where a copy of a block can hide another (`copies_findable` is False), each block is a segment of its own.
    `ttft_targets_us` and `itl_targets_us` are those of `blis.foundation.slo.CLASSES`; `models` are the places of the
    requests' own among the names that the cluster serves, see `blis.cluster.served_models`.
    """
    prompts = requests.prompt
    if len(prompts) and int(prompts.max()) >= len(prompts):
        # Policies may keep something for each prompt, so its identity must lie below the number of requests.
        prompts = np.unique(prompts, return_inverse=True)[1].astype(np.int64)
    classes = np.array([class_index(name) for name in requests.slo_classes] or [0], np.int64)
    table = workload_table(
        arrival_us=requests.arrival_us,
        input_tokens=requests.input_tokens,
        prompt_blocks=requests.input_tokens // block_size_tokens,
        output_tokens=requests.output_tokens,
        prompt=prompts,
        number=requests.number,
        slo_class=classes[requests.slo_class],
        tenant=requests.tenant.astype(np.int64),
        kind=_kinds(requests.tenant, classes[requests.slo_class]),
        ttft_target_us=np.array(ttft_targets_us, np.int64)[classes[requests.slo_class]],
        itl_target_us=np.array(itl_targets_us, np.int64)[classes[requests.slo_class]],
        model=np.array([*models, -1], np.int64)[requests.model],
        adapter=requests.adapter.astype(np.int64),
        encoder_tokens=requests.input_tokens - requests.text_tokens,
        session=requests.session.astype(np.int64),
        turn=requests.round.astype(np.int64),
        **_followers(requests),
    )
    return Workload(table, *segments_of_keys(requests.key_offsets, requests.keys, one_block_each=not copies_findable))


def _kinds(tenant: Int32Vector, slo_class: Int64Vector) -> Int64Vector:
    """For each request, a number of its tenant and class, from 0 without gaps."""
    pairs = tenant.astype(np.int64) * len(CLASSES) + slo_class
    occurs = np.zeros(int(pairs.max()) + 1 if len(pairs) else 0, bool)
    occurs[pairs] = True
    numbers = np.cumsum(occurs, dtype=np.int64) - 1
    kinds: Int64Vector = numbers[pairs]
    return kinds


def _followers(requests: Requests) -> dict[str, Int64Vector]:
    """For each request, its think time if it waits for another's end (else -1), and who waits for its own end."""
    n = len(requests)
    first, following = np.full(n, -1), np.full(n, -1)
    after = requests.after
    waiting = np.flatnonzero(after >= 0)[::-1]
    for request in waiting.tolist():
        before = int(after[request])
        following[request], first[before] = first[before], request
    think_us = np.where(after >= 0, requests.think_us, -1)
    return {"think_us": think_us, "first_follower": first, "next_follower": following}


def lookahead(requests: Requests) -> int:
    """Least time [µs] from a request's end to an arrival that waits for it; NEVER_US if no arrival waits."""
    waits = requests.after >= 0
    return int(requests.think_us[waits].min()) if waits.any() else NEVER_US


@lru_cache(maxsize=8)
def outputs_share_keys(requests: Requests) -> bool:
    """Whether two requests may write the same keyed block while they decode."""
    lengths = np.diff(requests.key_offsets)
    if not len(requests.keys):
        return False
    blocks = np.arange(len(requests.keys)) - np.repeat(requests.key_offsets[:-1], lengths)
    ends = (blocks + 1) * requests.block_size_tokens
    written = requests.keys[ends > np.repeat(requests.input_tokens, lengths)]
    return bool(len(written) and np.bincount(written).max() > 1)
