"""Instances are placed and taken away again before they were worth their loading."""

import numpy as np

from blis.engine.codes import BECAME_WARM, BEGAN_DRAINING, CANCELLED, STARTED
from blis.explaining.anomalies import MOST_EXAMPLES, Evidence, Example, Finding
from blis.foundation.units import US_PER_S

COMPATIBLE = False
FEWEST = 3
FACTOR = 2
RULE = (
    f"{FEWEST} times or more an instance was taken out of service before it had served {FACTOR} times as long as it "
    "had loaded, or for a tick of the autoscaler"
)


def find(evidence: Evidence) -> Finding:
    """Count such instances; the rate is their share of those that were placed."""
    fleet, events = evidence.cluster.fleet, evidence.outcome.fleet_events
    started = int(np.count_nonzero(events.kind == STARTED)) if len(events) else 0
    if fleet is None or fleet.autoscaling is None or not started:
        return Finding(0, None, "instances that were placed")
    shortest_us = fleet.autoscaling.tick_s * US_PER_S
    placed_us: dict[int, int] = {}
    ready_us: dict[int, int] = {}
    wasted: list[tuple[float, int, int]] = []  # time in service over time of loading, when it ended, instance
    for event in events:
        instance, now_us = int(event.instance), int(event.clock_us)
        if event.kind == STARTED:
            placed_us[instance] = now_us
            ready_us.pop(instance, None)
        elif event.kind == BECAME_WARM:
            ready_us[instance] = now_us
        elif event.kind in (CANCELLED, BEGAN_DRAINING) and instance in placed_us:
            begun_us = ready_us.get(instance, now_us)
            served_us, enough_us = now_us - begun_us, max(shortest_us, FACTOR * (begun_us - placed_us.pop(instance)))
            if served_us < enough_us:
                wasted.append((served_us / enough_us, now_us, instance))
    if len(wasted) < FEWEST:
        return Finding(0, 0.0, "instances that were placed")
    examples = tuple(
        Example(
            f"instance_{instance} went after {share:.0%} of the time that it should serve",
            now_us / US_PER_S,
            None,
            instance,
        )
        for share, now_us, instance in sorted(wasted)[:MOST_EXAMPLES]
    )
    return Finding(len(wasted), len(wasted) / started, "instances that were placed", examples)
