"""How busy instances are: steps, batches, queues and preemptions."""

from typing import Any

from blis.outcome import InstanceOutcome


def load_figures(instances: InstanceOutcome, of: Any, n_injected: int, end_us: int) -> dict[str, int | float | None]:
    """Counts and means over the steps of the instances `of` (an index or a slice); None where there was no step.

    The preemption rate is per injected request (of one instance: per request routed to it), so it may exceed 1.
    """
    steps, preemptions = int(instances.steps[of].sum()), int(instances.preemptions[of].sum())
    n_instances = len(instances.steps[of])
    return {
        "steps": steps,
        "busy_share": int(instances.busy_us[of].sum()) / (n_instances * end_us) if end_us > 0 else None,
        "batch_mean_requests": int(instances.batch_sum[of].sum()) / steps if steps else None,
        "queue_mean_requests": int(instances.queue_sum[of].sum()) / steps if steps else None,
        "queue_peak_requests": int(instances.peak_queue[of].max()),
        "preemptions": preemptions,
        "preemption_rate": preemptions / n_injected if n_injected else None,
        "kv_allocation_failures": int(instances.allocation_failures[of].sum()),
    }
