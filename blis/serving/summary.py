"""What came of a server's run, as one document: what was asked, how it was served in simulated time, how late."""

from typing import Any

import numpy as np

from blis.engine.codes import COMPLETED
from blis.foundation.units import US_PER_S, Float64Vector
from blis.serving.front import Front
from blis.serving.running import Served
from blis.serving.settings import ServeSettings

_QUANTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}


def summary(served: Served, settings: ServeSettings) -> dict[str, Any]:
    """The document, ready for JSON."""
    ports = [_of_port(front) for front in served.fronts]
    return {
        "behind": settings.behind,
        "speed": settings.speed,
        "real_s": served.real_s,
        "simulated_s": served.real_s * settings.speed,
        "unfinished": served.unfinished,
        "ports": ports,
    }


def summary_lines(document: dict[str, Any]) -> list[str]:
    """The same for people."""
    lines = [
        f"served for {document['real_s']:.1f} s at speed {document['speed']:g}; "
        f"{document['unfinished']} answers cut off"
    ]
    for place, port in enumerate(document["ports"]):
        counts = port["counts"]
        lines.append(
            f"port {place}: {counts['requests']} requests, {counts['answered']} answered, {counts['refused']} refused, "
            f"{counts['wrong']} wrong, {counts['disconnected']} disconnected ({port['cancelled']} answers cancelled); "
            f"{port['output_tokens']} tokens"
        )
        for key in ("ttft_ms", "itl_mean_ms", "e2e_ms"):
            figures = port[key]
            if figures is not None:
                lines.append(f"  {key:<12} " + "  ".join(f"{name} {value:,.1f}" for name, value in figures.items()))
        late = port["lateness"]
        if late["p50_ms"] is not None:
            lines.append("  lateness     " + "  ".join(f"{name[:-3]} {value:.2f} ms" for name, value in late.items()))
        if counts["ignored"]:
            ignored = ", ".join(f"{key} ({count})" for key, count in counts["ignored"].items())
            lines.append(f"  not simulated: {ignored}")
    return lines


def _of_port(front: Front) -> dict[str, Any]:
    simulation = front.engine.simulation
    n = len(simulation)
    requests = simulation.state.requests.view(np.ndarray)[:n]
    table = simulation.table.view(np.ndarray)
    done = requests["status"] == COMPLETED
    arrival_us, outputs = table["arrival_us"][done], table["output_tokens"][done]
    first_us, end_us = requests["first_token_us"][done], requests["finished_us"][done]
    several = outputs > 1
    between_us = (end_us - first_us)[several] / (outputs[several] - 1)
    counts = front.counts
    return {
        "models": list(front.models),
        "counts": {name: getattr(counts, name) for name in ("requests", "answered", "refused", "wrong", "disconnected")}
        | {"ignored": dict(sorted(counts.ignored.items()))},
        "sequences": n,
        "completed": int(done.sum()),
        "cancelled": len(front.engine.cancelled),
        "cancelled_tokens": sum(front.engine.cancelled.values()),
        "input_tokens": int(table["input_tokens"].sum()),
        "output_tokens": int(outputs.sum()),
        "preemptions": int(requests["preemptions"].sum()),
        "ttft_ms": _figures(first_us - arrival_us),
        "itl_mean_ms": _figures(between_us),
        "e2e_ms": _figures(end_us - arrival_us),
        "lateness": front.lateness.summary(),
    }


def _figures(times_us: Float64Vector) -> dict[str, float] | None:
    if not len(times_us):
        return None
    times_ms = np.asarray(times_us, np.float64) * 1e3 / US_PER_S
    return {"mean": float(times_ms.mean())} | {
        name: float(np.percentile(times_ms, share)) for name, share in _QUANTILES.items()
    }
