"""What an observation would send, without sending anything."""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from blis.foundation.units import US_PER_S
from blis.observing.agreeing import unprobed
from blis.observing.letters import Letters, asked_models
from blis.observing.prompts.prompts import Prompts
from blis.observing.reaching import Served
from blis.observing.rows import unsaid
from blis.observing.schedule import previous_rounds
from blis.observing.settings import ObserveSettings
from blis.workload.requests import Requests

MOST_SHOWN = 5


def rehearsal(settings: ObserveSettings, requests: Requests, n_kept: int = 0) -> dict[str, Any]:
    """What would be sent, ready for JSON: counts, lengths, pace, and the first requests."""
    server = settings.server
    agreement = unprobed(server, server.model or "(the first that the server lists)", False)
    prompts = Prompts(requests, settings.prompt_seed or 0, agreement.writer)
    letters = Letters(requests, prompts, agreement.form, server)
    is_waiting = requests.after >= 0
    if settings.sessions_in_order or settings.concurrency is not None:
        is_waiting = is_waiting | (previous_rounds(requests) >= 0)
    n = len(requests)
    span_s = float(requests.arrival_us[-1] - requests.arrival_us[0]) / US_PER_S
    timed = settings.concurrency is None
    return {
        "url": f"{server.url}{server.path}",
        "requests": n,
        "recorded_already": n_kept,
        "mode": "at their times" if timed else f"{settings.concurrency} at a time",
        "span_s": span_s if timed else None,
        "requests_per_s": (n - 1) / span_s if timed and span_s > 0 else None,
        "beyond_horizon": int((requests.arrival_us > settings.horizon_us).sum()) if settings.horizon_us else 0,
        "waiting_for_answers": int(is_waiting.sum()),
        "going_on_with_answers": int((prompts.continued >= 0).sum()),
        "input_tokens": int(requests.input_tokens.sum()),
        "input_tokens_mean": float(requests.input_tokens.mean()),
        "input_tokens_max": int(requests.input_tokens.max()),
        "output_tokens": int(np.maximum(requests.output_tokens, 1).sum()),
        "output_tokens_mean": float(np.maximum(requests.output_tokens, 1).mean()),
        "output_tokens_max": int(requests.output_tokens.max()),
        "models": asked_models(requests),
        "warm_up_requests": settings.warm_up_requests,
        "first": [_one(letters, requests, row) for row in range(min(n, MOST_SHOWN))],
        "notes": [*requests.notes, *unsaid(requests, Served())],
    }


def print_rehearsal(document: Mapping[str, Any]) -> None:
    """The same for people."""
    pace = document["mode"]
    if document["requests_per_s"]:
        pace += f", {document['requests_per_s']:,.3g} a second for {document['span_s']:,.1f} s"
    print(f"would send {document['requests'] - document['recorded_already']:,} requests to {document['url']}, {pace}")
    for part in ("input", "output"):
        total, mean, most = (document[f"{part}_tokens{end}"] for end in ("", "_mean", "_max"))
        print(f"{part} tokens: {total:,} in all, {mean:,.1f} each, {most:,} at most")
    for key in ("recorded_already", "beyond_horizon", "waiting_for_answers", "going_on_with_answers"):
        if document[key]:
            print(f"{key.replace('_', ' ')}: {document[key]:,}")
    for one in document["first"]:
        print(
            f"{one['arrival_s']:>10.3f} s  {one['body_bytes']:,} bytes  {one['body']}  {one['headers'] or ''}".rstrip()
        )
    sys.stdout.flush()


def _one(letters: Letters, requests: Requests, row: int) -> dict[str, Any]:
    message = letters.message(row)
    text = message.body.decode()
    return {
        "request": int(requests.number[row]),
        "arrival_s": int(requests.arrival_us[row]) / US_PER_S,
        "input_tokens": int(requests.input_tokens[row]),
        "output_tokens": int(requests.output_tokens[row]),
        "headers": dict(message.headers),
        "body_bytes": len(message.body),
        "body": text
        if len(text) <= _MOST_OF_BODY
        else f"{text[: _MOST_OF_BODY // 2]} ... {text[-_MOST_OF_BODY // 2 :]}",
    }


_MOST_OF_BODY = 160  #: characters that are shown
