"""Notes on steps whose prices lie beyond what was measured: nothing is extrapolated in silence."""

from collections.abc import Iterator

import numpy as np

from blis.cluster.instances import Cluster, Instance
from blis.cluster.steps.measured import Measured
from blis.engine.codes import COMPLETED
from blis.outcome import Outcome
from blis.workload.requests import Requests


def reach_notes(requests: Requests, cluster: Cluster, outcome: Outcome) -> Iterator[str]:
    """One note for each bound that the run may have passed: the limits of a batch, and what requests really had."""
    reaches = [one.latency.measured for one in cluster.instances]
    if not any(reaches):
        return
    served = outcome.requests.status == COMPLETED
    where = outcome.requests.instance
    for name, words, lengths in (
        ("prompt_tokens", "prompts", requests.input_tokens),
        ("context_tokens", "contexts", requests.input_tokens + requests.output_tokens),
    ):
        bound = np.array([getattr(reach, name) if reach else np.iinfo(np.int64).max for reach in reaches])
        beyond = served & (lengths > bound[np.maximum(where, 0)])
        if beyond.any():
            yield (
                f"latency: {int(beyond.sum())} requests have {words} longer than the {int(bound.min())} tokens up to "
                "which attention was measured; beyond, its price is continued"
            )
    yield from _batch_notes(cluster, reaches)


def _batch_notes(cluster: Cluster, reaches: list[Measured | None]) -> Iterator[str]:
    """Batches that the limits allow; whether there were any is not recorded."""
    for name, limit, most in (
        ("step_tokens", "step_token_budget", _most_tokens),
        ("decode_requests", "max_running_requests", _most_decodes),
    ):
        beyond = [
            (most(one), getattr(reach, name))
            for one, reach in zip(cluster.instances, reaches, strict=True)
            if reach and most(one) > getattr(reach, name)
        ]
        if beyond:
            allowed, measured = max(beyond)
            yield (
                f"latency: {limit} allows {allowed}, steps were measured up to {measured}; beyond, prices are continued"
            )


def _most_tokens(one: Instance) -> int:
    return one.step_token_budget


def _most_decodes(one: Instance) -> int:
    """Tokens that the decodes of a step may compute, drafts included, which are priced as decodes."""
    if one.speculative is None:
        return one.max_running_requests
    return min(one.step_token_budget, one.max_running_requests * (1 + one.speculative.draft_tokens))
