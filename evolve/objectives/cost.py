"""What serving costs: GPU time for each completed request."""

from blis.cluster.instances import Cluster
from blis.fitness.objectives import Objective, Scale
from blis.foundation.units import US_PER_S
from blis.outcome import Outcome
from evolve.records import Record

JUDGED = {"cost": Objective(-1, Scale.AMOUNT)}


def cost_figures(cluster: Cluster, outcome: Outcome) -> dict[str, float | None]:
    """GPU seconds for which instances were there, all together, and their share of a completed request."""
    present_us = outcome.instances.present_us.tolist()
    gpu_us = sum(one.tensor_parallel * own_us for one, own_us in zip(cluster.instances, present_us, strict=True))
    gpu_seconds = gpu_us / US_PER_S
    completed = int(outcome.instances.completed_requests.sum())
    return {
        "gpu_seconds": gpu_seconds,
        "gpu_seconds_per_request": gpu_seconds / completed if completed else None,
    }


def value(name: str, record: Record, complexity: float) -> float | None:
    """GPU seconds per completed request; None if none was."""
    return record.figures.get("gpu_seconds_per_request")
