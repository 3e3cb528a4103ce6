"""What evictions cost: blocks that were pushed out, and how many of them somebody asked for afterwards."""

import numpy as np

from blis.explaining.anomalies import Evidence
from blis.explaining.anomalies.cache_thrashing import reusable_blocks
from blis.metrics.percentiles import Figures


def eviction_figures(evidence: Evidence) -> Figures:
    """Blocks evicted that others could have found, and blocks that a request did not find though they had been there.

    A block that is evicted, computed again and evicted again counts each time. The second number counts prefixes of
    prompts of requests that were never preempted, as the anomaly of cache thrashing does, and so may lie above the
    first where a request waited for a place in the batch while what it needed was being computed.
    """
    lost = reusable_blocks(evidence) - np.maximum(evidence.outcome.requests.cached_blocks, 0)
    return {
        "evicted_blocks": int(evidence.outcome.instances.evicted_blocks.sum()),
        "asked_for_again_blocks": int(np.maximum(lost, 0).sum()),
    }
