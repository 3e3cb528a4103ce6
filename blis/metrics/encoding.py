"""How images, audio and video were encoded: with the prompts that need them, or apart; nothing where they are text."""

from collections.abc import Iterator

import numpy as np

from blis.cluster.instances import Cluster
from blis.engine.codes import COMPLETED
from blis.foundation.units import US_PER_S, Int64Vector
from blis.metrics.percentiles import figures_ms
from blis.outcome import EncodingOutcome, Outcome
from blis.workload.requests import Requests


def encoding_figures(cluster: Cluster, requests: Requests, outcome: Outcome) -> dict[str, int | float | None]:
    """Figures of encoding; those of encoding apart where there are instances of the role encode.

    The share of the first token is that of all TTFT of completed requests with media which went by before their
    embeddings were where their prompts were computed.
    """
    encoding = outcome.encoding
    if encoding is None:
        return {}
    has_media = requests.text_tokens < requests.input_tokens
    ttft_us = outcome.requests.ttft_us
    first = has_media & (outcome.requests.status == COMPLETED) & (ttft_us >= 0)
    return {
        "multimodal_requests": int(has_media.sum()),
        "encoder_passes": int(encoding.passes.sum()),
        "encoder_tokens": int(encoding.tokens.sum()),
        "encoder_busy_s": int(encoding.encoding_us.sum()) / US_PER_S,
        **figures_ms("multimodal_ttft", ttft_us[first]),
        **(_apart(cluster, encoding, outcome, first) if cluster.encodes_apart else {}),
    }


def encoding_notes(cluster: Cluster, requests: Requests, outcome: Outcome) -> Iterator[str]:
    """A note where instances that do nothing but encode had nothing to do: mostly nobody said when they should."""
    if not cluster.encodes_apart or (outcome.encoding is not None and outcome.encoding.n_sent > 0):
        return
    n_idle = sum(one.role == "encode" for one in cluster.instances)
    has_media = bool((requests.text_tokens < requests.input_tokens).any())
    why = "encoding=always-multimodal would send it there" if has_media else "no request has images, audio or video"
    yield f"instances of the role encode were sent nothing ({n_idle} of {len(cluster.instances)}): {why}"


def _apart(
    cluster: Cluster, encoding: EncodingOutcome, outcome: Outcome, first: np.ndarray
) -> dict[str, int | float | None]:
    """Figures of what other instances encoded than those that computed the prompts."""
    sent, started, moved = encoding.sent_us >= 0, encoding.started_us >= 0, encoding.arrives_us >= 0
    arrived = moved & (encoding.arrives_us <= outcome.end_us)
    before_us = (encoding.arrives_us - encoding.sent_us)[first & moved]
    whole_us = int(outcome.requests.ttft_us[first].sum())
    encoders = np.array([place for place, one in enumerate(cluster.instances) if one.role == "encode"], np.int64)
    return {
        "encoded_apart_requests": int(arrived.sum()),
        "encoded_apart_decisions": encoding.n_sent,
        "embedding_transfers": encoding.n_transfers,
        "embedding_depth_mean": encoding.depth_sum / encoding.n_transfers if encoding.n_transfers else None,
        "embedding_depth_peak": encoding.depth_peak,
        **figures_ms("encode_wait", (encoding.started_us - encoding.sent_us)[sent & started]),
        **figures_ms("encode", (encoding.encoded_us - encoding.started_us)[moved]),
        **figures_ms("embedding_transfer", (encoding.arrives_us - encoding.encoded_us)[moved]),
        "encoding_share_of_ttft": int(before_us.sum()) / whole_us if whole_us else None,
        "encode_utilization": _utilization(outcome, encoders),
    }


def _utilization(outcome: Outcome, members: Int64Vector) -> float | None:
    """Share of the time for which they could serve that they spent on passes."""
    serving_us = int(outcome.instances.serving_us[members].sum())
    return int(outcome.instances.busy_us[members].sum()) / serving_us if serving_us else None
