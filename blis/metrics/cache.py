"""What the KV cache saved and how full it was."""

from typing import Any

from blis.metrics.totals import total
from blis.outcome import InstanceOutcome


def cache_figures(instances: InstanceOutcome, of: Any) -> dict[str, int | float | None]:
    """Hits over lookups, evictions, and KV blocks in use, of the instances `of` (an index or a slice).

    The hit rate is weighted by lookups: an idle instance does not count. The time mean is over all time in which they
    could serve, idle or not; the peak is that of the fullest instance.
    """
    hits, misses = total(instances.cache_hits[of]), total(instances.cache_misses[of])
    blocks, peak = instances.total_blocks[of], instances.peak_blocks[of]
    block_time = total(instances.block_time[of])
    there = sum(
        count * serving_us for count, serving_us in zip(blocks.tolist(), instances.serving_us[of].tolist(), strict=True)
    )
    return {
        "cache_hit_blocks": hits,
        "cache_miss_blocks": misses,
        "cache_evicted_blocks": total(instances.evicted_blocks[of]),
        "cache_hit_rate": hits / (hits + misses) if hits + misses else None,
        "kv_total_blocks": total(blocks),
        "kv_peak_blocks": int(peak.max()),
        "kv_peak_use": float((peak / blocks).max()),
        "kv_mean_use": block_time / there if there > 0 else None,
    }
