"""Small fleets in which media are encoded, on which times can be worked out by hand."""

from typing import Any

from blis.cluster.encoder import Encoder
from blis.cluster.instances import Cluster, Instance
from blis.workload.requests import Requests
from tests.disaggregation.small_pools import BLOCK, TOKEN_BYTES, instance
from tests.disaggregation.small_pools import cluster as cluster_of
from tests.disaggregation.small_pools import requests as requests_of

#: A pass of the encoder: 500 µs, and 10 for each token of media.
BASE_US, TOKEN_US = 500, 10
#: Of a token of a model 4,096 wide.
EMBEDDING_BYTES = 8192.0
APART: dict[str, Any] = {"encoding": "always-multimodal", "routing": "least-loaded"}


def requests(arrival_us: list[int], *, image_tokens: int | list[int] = 400, **more: Any) -> Requests:
    """Requests with pictures; the rest as in small fleets without them."""
    return requests_of(arrival_us, image_tokens=image_tokens, **more)


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
