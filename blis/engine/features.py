"""What programs may read: the features of a request and an instance, by name, and their values.

What a real router could know of them, and how old it is, says docs/policies.md.
"""

import numpy as np

from blis.engine._jit import kernel
from blis.engine.views import QueueView, RequestView, RouterView
from blis.foundation.slo import CLASSES, URGENCY

#: What a routing program may read, for one request and one instance.
ROUTING_FEATURES = (
    "queued_requests",  # waiting there
    "running_requests",  # in its batch
    "queued_tokens",  # prompt tokens waiting there
    "free_blocks",  # KV blocks not in use
    "used_share",  # share of KV blocks in use
    "pending_requests",  # routed, not yet queued
    "in_flight_requests",  # routed, not yet finished
    "effective_load",  # requests there
    "cached_blocks",  # leading prompt blocks in its cache
    "cached_share",  # the same as a share of the prompt's whole blocks
    "affinity_share",  # share of the prompt's whole blocks that the router sent there before
    "step_us",  # length of its last step
    "last_routed",  # routing rank of the last request sent there, -1 never
    "least_load",  # smallest effective load of all candidates
    "mean_load",  # mean effective load of all candidates
    "hit_rate",  # cache hits over lookups there, in blocks
    "input_tokens",  # of the request
    "uncached_tokens",  # prompt tokens that the instance would have to compute
    "urgency",  # default urgency of the request's class
    "clock_us",  # now
    "sent_tokens",  # prompt tokens sent there, taken for uncached, of requests without a first token
    "sent_requests",  # those requests
    "sent_urgent_requests",  # those of them that are as urgent as this one or more
    "is_session_home",  # 1 where the session's request before this one was sent, else 0
    "headroom_share",  # share of its KV blocks that would be free beside the request's prompt; below 0: it does not fit
    "running_context_tokens",  # tokens held by the decodes of its batch
    "since_routed_us",  # time since a request was sent there; since the beginning, if none was
    "age_us",  # time since the request's arrival
    "expected_ttft_us",  # from now, if the request is sent there
    "expected_itl_us",  # mean time between tokens, if the request is sent there
    "ttft_slack_us",  # what would be left of the time within which its first token is due
)
#: Features that cost something to keep, and the signal that each is, see `blis.policies.needs`.
SIGNAL_OF = {
    "cached_blocks": "cached_blocks",
    "cached_share": "cached_blocks",
    "uncached_tokens": "cached_blocks",
    "headroom_share": "cached_blocks",
    "affinity_share": "affinity_blocks",
    "sent_tokens": "sent_prompts",
    "sent_requests": "sent_prompts",
    "sent_urgent_requests": "sent_prompts",
    "is_session_home": "session_instance",
    "expected_ttft_us": "expected_latency",
    "expected_itl_us": "expected_latency",
    "ttft_slack_us": "expected_latency",
}

#: What a priority program may read, for one waiting request.
PRIORITY_FEATURES = (
    "input_tokens",  # whole prompt
    "prompt_blocks",  # its whole KV blocks
    "urgency",  # default urgency of its class
    "arrival_us",  # when it arrived
    "preemptions",  # so far
    "round",  # earlier turns of its session
    "ttft_target_us",  # from its arrival, when its first token is due
    "itl_target_us",  # mean time between its tokens that it is promised
    "age_us",  # time since its arrival
    "queued_requests",  # waiting on the instance
    "running_requests",  # in its batch
    "free_blocks",  # its KV blocks not in use
    "ttft_slack_us",  # time until its first token is due; below 0: it is late
    "uncached_tokens",  # that it has to compute before its next token
    "expected_output_tokens",  # that requests of its tenant and class have written here in the mean
    "tenant_tokens",  # that its tenant has got here: prompts that were taken, and what was written
)
#: Those of them that cost something to keep, and the signal that each is, see `blis.policies.needs`.
PRIORITY_SIGNAL_OF = {
    "uncached_tokens": "uncached_tokens",
    "expected_output_tokens": "expected_output_tokens",
    "tenant_tokens": "tenant_service",
}

_URGENCY = tuple(URGENCY[name] for name in CLASSES)


@kernel
def _least_load(view: RouterView) -> float:
    least = view.effective_load[view.candidates[0]]
    for instance in view.candidates:
        least = min(least, view.effective_load[instance])
    return float(least)


@kernel
def _total_load(view: RouterView) -> float:
    total = 0
    for instance in view.candidates:
        total += view.effective_load[instance]
    return float(total)


@kernel
def routing_feature(feature: int, view: RouterView, request: RequestView, instance: int) -> float:
    """Value of `ROUTING_FEATURES[feature]`."""
    if feature == 0:
        return float(view.queued_requests[instance])
    if feature == 1:
        return float(view.running_requests[instance])
    if feature == 2:
        return float(view.queued_tokens[instance])
    if feature == 3:
        return float(view.total_blocks[instance] - view.used_blocks[instance])
    if feature == 4:
        return view.used_blocks[instance] / view.total_blocks[instance]
    if feature == 5:
        return float(view.pending_requests[instance])
    if feature == 6:
        return float(view.in_flight_requests[instance])
    if feature == 7:
        return float(view.effective_load[instance])
    if feature == 8:
        return float(view.cached_blocks[instance])
    if feature == 9:
        return view.cached_blocks[instance] / request.prompt_blocks if request.prompt_blocks > 0 else 0.0
    if feature == 10:
        return view.affinity_blocks[instance] / request.prompt_blocks if request.prompt_blocks > 0 else 0.0
    if feature == 11:
        return float(view.step_us[instance])
    if feature == 12:
        return float(view.last_routed[instance])
    if feature == 13:
        return _least_load(view)
    if feature == 14:
        return _total_load(view) / view.candidates.shape[0]
    if feature == 15:
        lookups = view.cache_hits[instance] + view.cache_misses[instance]
        return view.cache_hits[instance] / lookups if lookups > 0 else 0.0
    if feature == 16:
        return float(request.input_tokens)
    if feature == 17:
        return float(request.input_tokens - view.cached_blocks[instance] * view.block_size_tokens)
    if feature == 18:
        return _URGENCY[request.slo_class]
    if feature == 19:
        return float(view.clock_us)
    return _kept_feature(feature, view, request, instance)


@kernel
def _kept_feature(feature: int, view: RouterView, request: RequestView, instance: int) -> float:
    """Value of a later one of `ROUTING_FEATURES`."""
    if feature == 20:
        return float(view.sent_tokens[instance])
    if feature == 21:
        return _sent_requests(view, instance, -np.inf)
    if feature == 22:
        return _sent_requests(view, instance, _URGENCY[request.slo_class])
    if feature == 23:
        return 1.0 if view.session_instance == instance else 0.0
    if feature == 24:
        needed = -(-request.input_tokens // view.block_size_tokens) - view.cached_blocks[instance]
        return 1.0 - (view.used_blocks[instance] + needed) / view.total_blocks[instance]
    if feature == 25:
        return float(view.running_context_tokens[instance])
    if feature == 26:
        return float(view.clock_us - view.last_routed_us[instance])
    if feature == 27:
        return float(view.clock_us - request.arrival_us)
    if feature == 28:
        return view.expected_ttft_us[instance]
    if feature == 29:
        return view.expected_itl_us[instance]
    return float(request.ttft_target_us + request.arrival_us - view.clock_us) - view.expected_ttft_us[instance]


@kernel
def _sent_requests(view: RouterView, instance: int, least_urgency: float) -> float:
    """Requests sent there without a first token whose class is at least so urgent."""
    count = 0
    for slo_class in range(view.sent_prompts.shape[1]):
        if _URGENCY[slo_class] >= least_urgency:
            count += view.sent_prompts[instance, slo_class]
    return float(count)


@kernel
def priority_feature(feature: int, view: QueueView, request: RequestView) -> float:
    """Value of `PRIORITY_FEATURES[feature]`."""
    if feature == 0:
        return float(request.input_tokens)
    if feature == 1:
        return float(request.prompt_blocks)
    if feature == 2:
        return _URGENCY[request.slo_class]
    if feature == 3:
        return float(request.arrival_us)
    if feature == 4:
        return float(request.preemptions)
    if feature == 5:
        return float(request.round)
    if feature == 6:
        return float(request.ttft_target_us)
    if feature == 7:
        return float(request.itl_target_us)
    if feature == 8:
        return float(view.clock_us - request.arrival_us)
    if feature == 9:
        return float(view.queued_requests)
    if feature == 10:
        return float(view.running_requests)
    if feature == 11:
        return float(view.free_blocks)
    if feature == 12:
        return float(request.ttft_target_us + request.arrival_us - view.clock_us)
    if feature == 13:
        return float(view.uncached_tokens)
    if feature == 14:
        return request.expected_output_tokens
    return float(view.tenant_input_tokens + view.tenant_written_tokens)
