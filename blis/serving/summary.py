"""What came of a server's run, as one document: what was asked, how it was served in simulated time, how late."""

from typing import Any

from blis.serving.front import Front
from blis.serving.running import Served
from blis.serving.settings import ServeSettings


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
    ended = front.engine.ended()
    counts = front.counts
    return {
        "models": list(front.models),
        "counts": {name: getattr(counts, name) for name in ("requests", "answered", "refused", "wrong", "disconnected")}
        | {"ignored": dict(sorted(counts.ignored.items()))},
        "sequences": ended.n,
        "completed": ended.completed,
        "cancelled": front.engine.n_cancelled,
        "cancelled_tokens": front.engine.cancelled_tokens,
        "input_tokens": ended.input_tokens,
        "output_tokens": ended.output_tokens,
        "preemptions": ended.preemptions,
        **{name: times.figures() for name, times in ended.times.items()},
        "lateness": front.lateness.summary(),
    }
