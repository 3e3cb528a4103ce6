"""What the tiers beneath the GPUs' KV blocks held, gave and took; nothing where there are none."""

from typing import Any

import numpy as np

from blis.cluster.instances import Cluster
from blis.engine.channels import READ, WRITE
from blis.foundation.units import US_PER_MS, US_PER_S
from blis.outcome import Outcome

#: Of each tier, in blocks: how many there are now, and what became of them.
_COUNTS = ("blocks", "written_blocks", "dropped_blocks", "evicted_blocks", "removed_blocks", "forgotten_blocks")


def tier_figures(cluster: Cluster, outcome: Outcome, of: slice) -> dict[str, int | float | None]:
    """Figures of each tier, the nearest one first, of the instances `of`; what all share counts with the first.

    Found are blocks that a request which was taken had there, behind those of the GPU and of nearer tiers; loaded are
    those of them that were not computed. Written blocks are there, or were evicted, came to lie on the GPU instead
    (removed), or went with their instance (forgotten).
    """
    if outcome.tiers is None or cluster.kv_tiers is None:
        return {}
    figures: dict[str, int | float | None] = {}
    m = len(cluster.instances)
    block_bytes = np.array(cluster.kv_tiers.block_bytes)[of]
    devices = outcome.tiers.devices.view(np.ndarray)
    channels = outcome.tiers.channels.view(np.ndarray).reshape(-1, 2)
    for place in range(len(devices) // m):
        one, ways, name = (
            devices[place * m : place * m + m][of],
            channels[place * m : place * m + m][of],
            f"kv_tier_{place + 1}",
        )
        loads, read, write = int(one["loads"].sum()), ways[:, READ], ways[:, WRITE]
        figures |= {
            f"{name}_hit_blocks": int(one["hit_blocks"].sum()),
            f"{name}_loaded_blocks": int(one["loaded_blocks"].sum()),
            f"{name}_loaded_tokens": int(one["loaded_blocks"].sum()) * cluster.block_size_tokens,
            f"{name}_loaded_bytes": float((one["loaded_blocks"] * block_bytes).sum()),
            f"{name}_load_mean_ms": float(one["load_us"].sum()) / loads / US_PER_MS if loads else None,
            f"{name}_read_wait_mean_ms": _mean_wait_ms(read),
            f"{name}_write_wait_mean_ms": _mean_wait_ms(write),
            f"{name}_read_busy_s": float(read["busy_us"].sum()) / US_PER_S,
            f"{name}_write_busy_s": float(write["busy_us"].sum()) / US_PER_S,
            **{f"{name}_{count}": int(one[count].sum()) for count in _COUNTS},
        }
    return figures


def _mean_wait_ms(channels: Any) -> float | None:
    """Mean time that a transfer waited for others."""
    transfers = int(channels["transfers"].sum())
    return float(channels["waited_us"].sum()) / transfers / US_PER_MS if transfers else None
