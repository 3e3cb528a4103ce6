"""A workload as plain data: how many requests, when, how long, whose, and what they share."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from blis.foundation.units import US_PER_MS, US_PER_S, Int32Vector, Int64Vector
from blis.workload.description.arrivals import OverTime, over_time, variation
from blis.workload.description.sharing import depths_of, sharing_of
from blis.workload.requests import Requests

PERCENTILES = (50, 90, 99)
MOST_NAMES = 20  #: listed of tenants, clients and groups; the rest is summed up
UNNAMED = "(unnamed)"


def describe(requests: Requests) -> dict[str, Any]:
    """Everything that is said about a workload; a figure that does not exist is None.

    In a closed loop the arrivals of follow-up requests are the estimates of an open one.
    """
    duration_s = float(requests.arrival_us[-1] - requests.arrival_us[0]) / US_PER_S
    return {
        "requests": len(requests),
        "first_arrival_s": float(requests.arrival_us[0]) / US_PER_S,
        "duration_s": duration_s,
        "arrivals": _arrivals(requests, over_time(requests.arrival_us), duration_s),
        "input_tokens": _lengths(requests.input_tokens),
        "output_tokens": _lengths(requests.output_tokens),
        "tokens_per_s": {
            "input": _ratio(float(requests.input_tokens.sum()), duration_s),
            "output": _ratio(float(requests.output_tokens.sum()), duration_s),
        },
        "parts": _parts(requests),
        "slo_classes": _names(requests.slo_class, requests.slo_classes, requests),
        "tenants": _names(requests.tenant, requests.tenants, requests),
        "models": _names(requests.model, requests.models, requests),
        "adapters": _names(requests.adapter, requests.adapters, requests),
        "clients": _names(requests.client, requests.clients, requests),
        "prefix_groups": _names(requests.prefix_group, requests.prefix_groups, requests),
        "prefixes": _prefixes(requests),
        "sessions": _sessions(requests),
        "networks": [
            {"client": name, "rtt_ms": network.rtt_us / US_PER_MS, "bandwidth_mbps": network.bandwidth_mbps}
            for name, network in zip(requests.clients, requests.networks, strict=bool(requests.networks))
        ],
        "block_size_tokens": requests.block_size_tokens,
        "notes": list(requests.notes),
    }


def rounds_of(requests: Requests) -> Int64Vector:
    """Number of requests of each session that has any."""
    counts = np.bincount(requests.session[requests.session >= 0])
    return counts[counts > 0]


def _arrivals(requests: Requests, pieces: OverTime, duration_s: float) -> dict[str, Any]:
    cv = pieces.gap_cv[np.isfinite(pieces.gap_cv)]
    return {
        "rate_per_s": {
            "mean": _ratio(len(requests) - 1, duration_s),
            "lowest": _known(float(pieces.rate.min())),
            "peak": _known(float(pieces.rate.max())),
        },
        "gap_cv": {
            "overall": _known(variation(requests.arrival_us)),
            "median": float(np.median(cv)) if len(cv) else None,
            "highest": float(cv.max()) if len(cv) else None,
        },
        "simultaneous_requests": int((np.diff(requests.arrival_us) == 0).sum()),
        "over_time": {
            "edges_s": pieces.edges_s.tolist(),
            "rate_per_s": [_known(value) for value in pieces.rate.tolist()],
            "gap_cv": [_known(value) for value in pieces.gap_cv.tolist()],
        },
    }


def _lengths(tokens: Int64Vector) -> dict[str, Any]:
    percentiles = np.percentile(tokens, PERCENTILES)
    return {
        "mean": float(tokens.mean()),
        "std_dev": float(tokens.std()),
        "min": int(tokens.min()),
        **{f"p{percent}": float(value) for percent, value in zip(PERCENTILES, percentiles, strict=True)},
        "max": int(tokens.max()),
        "total": int(tokens.sum()),
    }


def _parts(requests: Requests) -> dict[str, Any]:
    """What prompts and outputs are made of."""
    total = int(requests.input_tokens.sum())
    counted = {
        name: np.asarray(getattr(requests, f"{name}_tokens"), np.int64) for name in ("text", "image", "audio", "video")
    }
    parts = {
        name: {"requests": int((tokens > 0).sum()), "tokens": int(tokens.sum()), "share": int(tokens.sum()) / total}
        for name, tokens in counted.items()
    }
    thinks = requests.reason_ratio > 0
    reasoning = {
        "requests": int(thinks.sum()),
        "mean_ratio": float(requests.reason_ratio[thinks].mean()) if thinks.any() else None,
    }
    return {**parts, "reasoning": reasoning, "streaming_requests": int(requests.streaming.sum())}


def _names(indices: Int32Vector, names: tuple[str, ...], requests: Requests) -> list[dict[str, Any]]:
    """The most common names, with their shares of requests and mean lengths; the others are summed up at the end."""
    named = indices >= 0
    counts = np.bincount(indices[named], minlength=len(names))
    sums = [
        np.bincount(indices[named], weights=tokens[named], minlength=len(names))
        for tokens in (requests.input_tokens, requests.output_tokens)
    ]
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    groups = [(names[number] or UNNAMED, order[place : place + 1]) for place, number in enumerate(order.tolist())]
    if len(groups) > MOST_NAMES:
        rest = order[MOST_NAMES - 1 :]
        groups = [*groups[: MOST_NAMES - 1], (f"({len(rest)} others)", rest)]
    return [
        {
            "name": name,
            "requests": int(counts[members].sum()),
            "share": float(counts[members].sum() / len(requests)),
            "input_tokens_mean": float(sums[0][members].sum() / counts[members].sum()),
            "output_tokens_mean": float(sums[1][members].sum() / counts[members].sum()),
        }
        for name, members in groups
    ]


def _prefixes(requests: Requests) -> dict[str, Any]:
    found, depths = sharing_of(requests), depths_of(requests)
    return {
        **found._asdict(),
        "shared_share": _ratio(found.shared_blocks, found.prompt_blocks),
        "repeated_share": _ratio(found.repeated_blocks, found.prompt_blocks),
        "equal_prompts": len(requests) - len(np.unique(requests.prompt)),
        "by_depth": {name: column.tolist() for name, column in depths._asdict().items()},
    }


def _sessions(requests: Requests) -> dict[str, Any]:
    rounds, waits = rounds_of(requests), requests.after >= 0
    return {
        "sessions": len(rounds),
        "requests": int(rounds.sum()),
        "rounds": _counts(rounds),
        "closed_loop_requests": int(waits.sum()),
        "think_s_mean": float(requests.think_us[waits].mean()) / US_PER_S if waits.any() else None,
    }


def _counts(rounds: Int64Vector) -> Mapping[str, int]:
    values, counts = np.unique(rounds, return_counts=True)
    return {str(value): int(count) for value, count in zip(values, counts, strict=True)}


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
