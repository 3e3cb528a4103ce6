"""What came of drafts: how many were verified and how many accepted, counted as servers count them."""

from typing import Any

from blis.cluster.instances import Cluster
from blis.outcome import InstanceOutcome


def draft_figures(cluster: Cluster, instances: InstanceOutcome, of: slice) -> dict[str, int | float | None]:
    """Figures of the drafts of the instances `of`; nothing where none of them drafts.

    As in vLLM's metrics, what is accepted counts even where it lies behind the end of an output, which cuts it off.
    """
    if not any(one.speculative for one in cluster.instances[of]):
        return {}

    def total(name: str) -> int:
        counts: Any = getattr(instances, name)[of]
        return int(counts.sum())

    decodes, drafts, accepted = total("drafted_decodes"), total("draft_tokens"), total("accepted_tokens")
    return {
        "drafted_decodes": decodes,
        "draft_tokens": drafts,
        "accepted_tokens": accepted,
        "mean_acceptance_length": 1 + accepted / decodes if decodes else None,
        "draft_acceptance_rate": accepted / drafts if drafts else None,
    }
