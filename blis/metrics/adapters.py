"""What adapters (LoRA) cost: loads, and requests that waited for one or for a slot; nothing where nobody holds any."""

from blis.foundation.units import US_PER_S, BoolVector
from blis.metrics.totals import total
from blis.outcome import AdapterOutcome


def adapter_figures(
    adapters: AdapterOutcome | None, of: slice, routed: BoolVector | None = None
) -> dict[str, int | float | None]:
    """Figures of the instances `of`, and of the requests, marked in `routed`, that were sent there; None: of all.

    A cold start is a request whose taking loads its adapter into a slot, which its step waits for. A wait for a slot is
    that of a request that was passed over because the batch used as many other adapters as there are slots.
    """
    if adapters is None:
        return {}
    asks = adapters.asks if routed is None else adapters.asks & routed
    taken, cold = asks & adapters.was_taken, asks & (adapters.load_us >= 0)
    n_taken, n_cold = int(taken.sum()), int(cold.sum())
    waits_us = adapters.slot_wait_us[asks & adapters.was_shut_out]
    return {
        "adapter_requests": int(asks.sum()),
        "adapter_loads": total(adapters.loads[of]),
        "adapter_disk_loads": total(adapters.disk_loads[of]),
        "adapter_load_seconds": total(adapters.instance_load_us[of]) / US_PER_S,
        "adapter_overhead_seconds": total(adapters.overhead_us[of]) / US_PER_S,
        "adapters_resident_peak": int(adapters.most_on_gpu[of].max(initial=0)),
        "adapter_cold_start_requests": n_cold,
        "adapter_hit_rate": 1 - n_cold / n_taken if n_taken else None,
        "adapter_slot_wait_requests": len(waits_us),
        "adapter_slot_wait_mean_ms": float(waits_us.mean()) / 1000 if len(waits_us) else None,
    }
