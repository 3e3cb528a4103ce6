"""Small integers that kernels use where people use words: statuses, stops and settings."""

#: Later than every event.
NEVER_US = 2**62

# What has become of a request.
NOT_STARTED, QUEUED, RUNNING, COMPLETED, REJECTED, DROPPED = range(6)
STATUS_NAMES = ("not_started", "queued", "running", "completed", "rejected", "dropped")

# Why the kernel came back.
DONE, AT_ADMISSION, AT_ROUTING, AT_ORDER, AT_VICTIM, GROW, OUT_OF_EVENTS, STALLED, BAD_TARGET = range(9)

# How the wait queue of an instance is kept.
ARRIVAL_ORDER, FIXED_ORDER, CHANGING_ORDER = range(3)

# Which definition of an instance's load the router is shown.
LOAD_PENDING, LOAD_IN_FLIGHT = range(2)

#: Block keys that the router remembers for each instance (the size that llm-d uses).
ROUTER_INDEX_BLOCKS = 10_000
