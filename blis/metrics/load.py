"""How busy instances are: steps, batches, queues and preemptions."""

from typing import Any

from blis.metrics.totals import total
from blis.outcome import InstanceOutcome


def load_figures(instances: InstanceOutcome, of: Any, n_injected: int) -> dict[str, int | float | None]:
    """Counts and means over the steps of the instances `of` (an index or a slice); None where there was no step.

    The share of time in which they are busy is of that in which they could serve.

    The preemption rate is per injected request (of one instance: per request routed to it), so it may exceed 1.
    """
    steps, preemptions = total(instances.steps[of]), total(instances.preemptions[of])
    serving_us = sum(instances.serving_us[of].tolist())
    return {
        "steps": steps,
        "busy_share": total(instances.busy_us[of]) / serving_us if serving_us > 0 else None,
        "batch_mean_requests": total(instances.batch_sum[of]) / steps if steps else None,
        "queue_mean_requests": total(instances.queue_sum[of]) / steps if steps else None,
        "queue_peak_requests": int(instances.peak_queue[of].max()),
        "preemptions": preemptions,
        "preemption_rate": preemptions / n_injected if n_injected else None,
        "kv_allocation_failures": total(instances.allocation_failures[of]),
    }
