"""Small fleets in which media are encoded, on which times can be worked out by hand."""

from typing import Any

import numpy as np

from blis.cluster.encoder import Encoder
from blis.cluster.instances import Cluster, Instance
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of
from tests.disaggregation.small_pools import BLOCK, TOKEN_BYTES, instance
from tests.disaggregation.small_pools import cluster as cluster_of

#: A pass of the encoder: 500 µs, and 10 for each token of media.
BASE_US, TOKEN_US = 500, 10
#: Of a token of a model 4,096 wide.
EMBEDDING_BYTES = 8192.0
APART: dict[str, Any] = {"encoding": "always-multimodal", "routing": "least-loaded"}


def requests(
    arrival_us: list[int],
    *,
    image_tokens: int | list[int] = 400,
    output_tokens: int | list[int] = 5,
    input_tokens: int | list[int] = 1000,
    group: list[int] | None = None,
    shared_tokens: int = 0,
) -> Requests:
    """Requests with pictures; those of a group share the beginning of their prompts."""
    n = len(arrival_us)
    prompts, outputs = np.broadcast_to(input_tokens, n).copy(), np.broadcast_to(output_tokens, n).copy()
    groups = np.full(n, -1) if group is None else np.array(group)
    return requests_of(
        arrival_us=np.array(arrival_us),
        input_tokens=prompts,
        output_tokens=outputs,
        image_tokens=np.broadcast_to(image_tokens, n).copy(),
        keys=keys_of_groups(prompts, outputs, groups, np.full(n, shared_tokens), BLOCK),
        block_size_tokens=BLOCK,
    )


def computer(role: str = "both", **changes: Any) -> Instance:
    """An instance that computes prompts or writes answers, and may encode."""
    return instance(role, encoder_base_us=float(BASE_US), encoder_token_us=float(TOKEN_US), **changes)


def encoder(**changes: Any) -> Instance:
    """An instance that does nothing but encode."""
    return computer("encode", embedding_token_bytes=EMBEDDING_BYTES, **changes)


def cluster(*instances: Instance, costs: Encoder | None = None, **changes: Any) -> Cluster:
    """A cluster whose embeddings move at 25 GB/s, with a base of 50 µs, unless `costs` says otherwise."""
    return cluster_of(*instances, encoder=Encoder() if costs is None else costs, **changes)


__all__ = ["APART", "BASE_US", "BLOCK", "EMBEDDING_BYTES", "TOKEN_BYTES", "TOKEN_US", "cluster", "computer", "encoder"]
