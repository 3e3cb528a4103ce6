"""The fields of what is written down while a simulation goes on: steps, pauses, decisions and samples."""

import numpy as np

_I, _F = np.int64, np.float64

LOG_FIELDS = {
    "step_us": (_I, 0),  # of the first step
    "part_us": (_F, 0.0),  # what it was truncated by, where the others lie on a line with it
    "rise_us": (_F, 0.0),  # of each step above the one before it, before truncation
    "decode_tokens": (np.int32, 0),  # of each step
    "steps": (np.int32, 0),  # in a row
    "instance": (np.int32, 0),
}

LOST_FIELDS = {
    "first": (_I, 0),  # step numbers, inclusive
    "last": (_I, 0),
    "instance": (_I, 0),
    "request": (_I, 0),  # -1: of one that was taken away from an instance that died
}

PAUSE_FIELDS = {
    "instance": (_I, 0),
    "request": (_I, 0),  # -1: of one that was taken away from an instance that died
    "life": (_I, 0),  # preemptions of the request before it
    "step": (_I, 0),  # number of the step whose decode ended it; 0: it was no decode
    "pause_us": (_I, 0),  # before that step, or all of it if the step is 0
}

# Every entry of a routing and of an admission is written whole, so none has an initial value to be filled in.
ROUTING_FIELDS = {
    "request": (_I, 0),
    "clock_us": (_I, 0),
    "instance": (_I, 0),  # the chosen one
    "rank": (_I, 0),  # how many instances the policy scored higher
    "effective_load": (_I, 0),  # of the chosen one, as the router saw it
    "least_load": (_I, 0),  # of all
    "cached_blocks": (_I, 0),  # prompt blocks really in the chosen one's cache
    "most_cached_blocks": (_I, 0),  # of all
    "expected_ttft_us": (_F, 0),  # of the chosen one, by the reference model
    "least_ttft_us": (_F, 0),  # of all
    "quickest": (_I, 0),  # instance of that
}

ADMISSION_FIELDS = {"request": (_I, 0), "clock_us": (_I, 0), "verdict": (_I, 0)}  # 0: admitted; else its reason

PREEMPTION_FIELDS = {
    "clock_us": (_I, 0),
    "instance": (_I, -1),
    "request": (_I, -1),
    "running_requests": (_I, 0),  # before it
    "lost_tokens": (_I, 0),  # prompt and output tokens that were stored for it
}

# Neither has one of a sample.
SAMPLE_FIELDS = {
    "clock_us": (_I, 0),  # start of the first of the steps
    "length_us": (_I, 0),  # of all of them
    "steps": (np.int32, 0),  # steps of an unchanged batch that only decodes share a sample
    "instance": (np.int32, 0),
    "queued_requests": (np.int32, 0),  # after the batch was formed
    "running_requests": (np.int32, 0),
    "taken_requests": (np.int32, 0),
    "prefill_tokens": (np.int32, 0),
    "decode_requests": (np.int32, 0),
    "used_blocks": (np.int32, 0),
    "stopped_by": (np.int32, 0),  # why no further request was taken
    "blocked_request": (
        np.int32,
        0,
    ),  # first of the queue, for which blocks were lacking while another would have fitted
    "fitting_request": (np.int32, 0),  # that other
    "inverted_requests": (np.int32, 0),  # taken although a more urgent one waited and would have fitted
    "inverted_request": (np.int32, 0),  # the least urgent of them
    "passed_request": (np.int32, 0),  # the most urgent of those passed over
}
