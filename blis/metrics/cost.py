"""What serving costs: hours of GPUs and their prices, in all, per request, and per request served as promised."""

from collections.abc import Sequence

from blis.cluster.instances import Instance
from blis.foundation.units import US_PER_S, Int64Vector

US_PER_HOUR = 3600 * US_PER_S


def cost_figures(
    instances: Sequence[Instance], present_us: Int64Vector, n_completed: int, n_good: int
) -> dict[str, float | None]:
    """GPU hours and costs of some instances, which completed so many requests, so many of them as promised.

    Costs are None where the price of one of the instances is unknown, or nothing was completed.
    """
    gpu_hours, cost, is_known = 0.0, 0.0, True
    for one, time_us in zip(instances, present_us.tolist(), strict=True):
        gpu_hours += one.tensor_parallel * time_us / US_PER_HOUR
        if one.price_per_hour is None:
            is_known = False
        else:
            cost += one.price_per_hour * time_us / US_PER_HOUR
    return {
        "gpu_hours": gpu_hours,
        "good_requests_per_gpu_hour": n_good / gpu_hours if gpu_hours > 0 else None,
        "cost_usd": cost if is_known else None,
        "cost_per_request_usd": cost / n_completed if is_known and n_completed else None,
        "cost_per_good_request_usd": cost / n_good if is_known and n_good else None,
    }
