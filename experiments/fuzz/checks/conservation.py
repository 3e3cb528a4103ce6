"""No request and no KV block is lost or made, and no counter is below zero or above what it counts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from blis.engine.codes import COMPLETED, GATEWAY_QUEUED
from blis.engine.laws import check_conservation, check_laws
from blis.foundation.errors import LawBrokenError
from experiments.fuzz.subject import Subject

#: Counters of an instance that serves nobody any more.
EMPTY_AT_THE_END = (
    "used_blocks", "in_flight_requests", "queued_requests", "running_requests", "pending_requests", "queued_tokens",
    "pending_tokens", "decode_requests", "decode_context_tokens", "prefilling_requests", "left_out_requests",
)  # fmt: skip


def check(subject: Subject) -> Iterator[str]:
    """Compare what requests, instances, blocks and router say of the plain run."""
    run, done = subject.finished, subject.outcome
    requests, instances = done.requests, done.instances
    for law in (
        lambda: check_conservation(run.state),
        lambda: check_laws(run.workload, run.prepared.limits, run.state),
    ):
        try:
            law()
        except LawBrokenError as error:
            yield str(error)
    for name in instances.__dataclass_fields__:
        if (getattr(instances, name) < 0).any():
            yield f"instances.{name} is below zero: {getattr(instances, name).tolist()}"
    if (instances.peak_blocks > instances.total_blocks).any():
        yield "an instance used more blocks than it has"
    if (instances.block_time > instances.total_blocks * instances.busy_us).any():
        yield "block_time is more than all blocks for all steps"
    prompts, size = subject.requests.input_tokens, subject.cluster.block_size_tokens
    found = np.maximum(requests.cached_blocks, 0) * size
    most = prompts
    if subject.is_corrected:  # whoever was preempted finds what it had written as well, but for the last token
        written = np.where(requests.preemptions > 0, np.maximum(subject.requests.output_tokens, 1) - 1, 0)
        most = prompts + written - 1
    if (found > most).any():
        yield f"request {int((found > most).argmax())} found more of its prompt in the cache than can save work"
    completed = requests.status == COMPLETED
    # Who comes back with blocks of its own may find more in the cache by then, which is counted nowhere.
    counted = completed if subject.cluster.swap is None else completed & (requests.preemptions == 0)
    if (requests.computed_tokens[counted] < (prompts - found)[counted]).any():
        yield "a completed request computed less than what was not cached"
    further_tokens = np.maximum(subject.requests.output_tokens - 1, 0)
    if (requests.accepted_tokens > further_tokens).any():
        yield f"request {int((requests.accepted_tokens > further_tokens).argmax())} got more drafts than it has output"
    # Drafts come with the token of their step.
    times = int((further_tokens - requests.accepted_tokens)[completed].sum())
    if int(done.interval_tokens.sum()) != times:
        yield f"there must be {times} inter-token times; there are {int(done.interval_tokens.sum())}"
    if (done.interval_us <= 0).any() and len(done.interval_us):
        yield "an inter-token time is not above zero"
    if subject.stalled or subject.scenario.horizon_us is not None:
        return
    left = (requests.status < COMPLETED) | (requests.status == GATEWAY_QUEUED)
    if not run.is_over:  # a gateway holds for ever what nobody may serve
        return
    left &= requests.status != GATEWAY_QUEUED
    if left.any():
        yield f"request {int(left.argmax())} never left, though the run has ended and nothing cut it"
    state = run.state.instances
    for name in EMPTY_AT_THE_END:
        if state[name].any():
            yield f"at the end {name} must be 0; it is {state[name].tolist()}"
