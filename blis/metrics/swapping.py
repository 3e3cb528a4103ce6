"""What preempted requests kept in the host's memory, and what the copies cost; nothing where they compute anew."""

import numpy as np

from blis.cluster.instances import Cluster
from blis.engine.channels import READ, WRITE
from blis.foundation.units import US_PER_MS, US_PER_S
from blis.outcome import Outcome

#: In blocks: what was copied there, what became of it, and what is there now, and was at most.
_BLOCKS = ("out_blocks", "in_blocks", "found_blocks", "given_up_blocks", "lost_blocks", "blocks", "peak_blocks")
#: Preemptions that were kept, those that came back, those without room, and those that the policy left to computing.
_REQUESTS = ("out_requests", "in_requests", "refused_requests", "recomputed_requests")


def swap_figures(cluster: Cluster, outcome: Outcome, of: slice) -> dict[str, int | float | None]:
    """Figures of the host's memory of the instances `of`.

    Blocks that went out have come back, were found on the GPU still, were lost, or are there. The largest number at a
    time is a sum over instances.
    """
    if outcome.swap is None or cluster.swap is None:
        return {}
    spaces = outcome.swap.spaces.view(np.ndarray)[of]
    ways = outcome.swap.channels.view(np.ndarray).reshape(-1, 2)[of]
    block_bytes = np.array(cluster.swap.block_bytes)[of]
    counts = {name: int(spaces[name].sum()) for name in (*_REQUESTS, *_BLOCKS)}
    transfers = int(ways["transfers"].sum())
    loads = int(ways["transfers"][:, READ].sum())
    return {
        **{f"swap_{name}": count for name, count in counts.items()},
        "swap_out_bytes": float((spaces["out_blocks"] * block_bytes).sum()),
        "swap_in_bytes": float((spaces["in_blocks"] * block_bytes).sum()),
        "swap_in_mean_ms": float(spaces["return_us"].sum()) / loads / US_PER_MS if loads else None,
        "swap_wait_mean_ms": float(ways["waited_us"].sum()) / transfers / US_PER_MS if transfers else None,
        "swap_out_busy_s": float(ways["busy_us"][:, WRITE].sum()) / US_PER_S,
        "swap_in_busy_s": float(ways["busy_us"][:, READ].sum()) / US_PER_S,
        "swap_stalled_s": float(spaces["stalled_us"].sum()) / US_PER_S,
    }
