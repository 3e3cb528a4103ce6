"""The fields of what moves when instances come and go: pools, failures, and the log of both."""

import numpy as np

from blis.engine.codes import NEVER_US

_I, _F = np.int64, np.float64

# Of a pool: what is given, then what was counted. Its instances are neighbours.
POOL_FIELDS = {
    "first_instance": (_I, 0),
    "end_instance": (_I, 0),  # one behind its last
    "minimum_instances": (_I, 0),
    "maximum_instances": (_I, 0),
    "initial_instances": (_I, 0),  # that are warm at the start
    "model": (_I, 0),  # number of the model that it serves, in its role
    "gpus": (_I, 1),  # of each instance
    "gpu_kind": (_I, 0),  # number of the kind of GPU
    "inventory_gpus": (_I, NEVER_US),  # of that kind, that there are; NEVER_US: as many as are asked for
    "load_us": (_I, 0),  # from being placed to serving
    "price": (_F, 0.0),  # of an instance, by which the cheaper of two pools is known
    "max_running_requests": (_I, 0),
    "step_token_budget": (_I, 0),
    "block_tokens": (_I, 0),  # that all KV blocks of an instance hold
    "prefill_us_per_token": (_F, 0.0),  # of a full step of prompts, see blis.cluster.expected_prices
    "decode_us": (_F, 0.0),  # of a step of decodes, whatever their number
    "decode_us_per_request": (_F, 0.0),  # that each adds
    "decode_us_per_token": (_F, 0.0),  # that each token of their contexts adds
    "loading_instances": (_I, 0),  # now
    "warm_instances": (_I, 0),  # now
    "draining_instances": (_I, 0),  # now
    "failed_instances": (_I, 0),  # now
    "wanted_instances": (_I, 0),  # as last decided
    "unplaced_instances": (_I, 0),  # of those, that found no GPUs when they were last tried
    "free_gpus": (_I, 0),  # of its kind, now
    "arrived_requests": (_I, 0),  # sent there between the last two readings
    "arrived_tokens": (_I, 0),  # prompts that entered its queues between them
    "received_tokens": (_I, 0),  # prompts whose KV was sent to it between them
    "completed_requests": (_I, 0),  # that ended there, or went on elsewhere
    "completed_tokens": (_I, 0),  # that these wrote
    "total_arrived_requests": (_I, 0),  # up to the last reading
    "total_arrived_tokens": (_I, 0),
    "total_received_tokens": (_I, 0),
    "total_completed_requests": (_I, 0),
    "total_completed_tokens": (_I, 0),
}

# Of an instance that is going to fail, in the order of time.
FAILURE_FIELDS = {
    "at_us": (_I, 0),
    "instance": (_I, 0),
    "recovers_us": (_I, NEVER_US),  # when it serves again; NEVER_US: it does not
    "loses": (_I, 0),  # its requests are lost; else they are sent elsewhere
    "taken_away_requests": (_I, -1),  # that it had; -1: it has not come to that
}

# Of the log; written whole.
FLEET_EVENT_FIELDS = {
    "clock_us": (_I, 0),
    "kind": (_I, 0),  # DECIDED, STARTED ...
    "pool": (_I, 0),
    "instance": (_I, 0),  # -1: it is about the pool
    "amount": (_I, 0),  # instances decided on or unplaced, requests taken away, or µs since the instance was wanted
}
