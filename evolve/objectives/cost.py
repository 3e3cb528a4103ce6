"""What serving costs: GPU time for each completed request."""

from blis.cluster.instances import Cluster
from blis.fitness.objectives import Objective, Scale
from blis.foundation.units import US_PER_S
from blis.outcome import Outcome
from evolve.records import Record

JUDGED = {"cost": Objective(-1, Scale.AMOUNT)}


def cost_figures(cluster: Cluster, outcome: Outcome) -> dict[str, float | None]:
    """GPU seconds from 0 to the last event, all instances together, and their share of a completed request."""
    gpu_seconds = sum(one.tensor_parallel for one in cluster.instances) * outcome.end_us / US_PER_S
    completed = int(outcome.instances.completed_requests.sum())
    return {
        "gpu_seconds": gpu_seconds,
        "gpu_seconds_per_request": gpu_seconds / completed if completed else None,
    }


def value(name: str, record: Record, complexity: float) -> float | None:
    """GPU seconds per completed request; None if none was."""
    return record.figures.get("gpu_seconds_per_request")
