"""Small integers that kernels use where people use words: statuses, stops and settings."""

#: Later than every event.
NEVER_US = 2**62

#: The acceptance key where no instance drafts.
NO_DRAFTS = -1

# What has become of a request.
NOT_STARTED, QUEUED, RUNNING, COMPLETED, REJECTED, DROPPED, UNROUTABLE, LOST = range(8)
# Of requests that came to a gateway: four ends, and that one still waits there.
GATEWAY_REJECTED, GATEWAY_EXPIRED, GATEWAY_DISPLACED, TIMED_OUT, GATEWAY_QUEUED = range(8, 13)
# Of requests whose KV moves: where it will be used, with blocks for it; and where it was computed, until it leaves.
AWAITING_KV, AWAITING_TRANSFER = range(13, 15)
GATEWAY_EVICTED = 15  # taken away from an instance for a more urgent one
CLIENT_LEFT = 16  # its client has gone before the answer had ended: cancelled from outside, see `blis.engine.aborting`
# Of requests whose media another instance encodes: there, waiting or served; and on the way from there.
ENCODING, AWAITING_EMBEDDINGS = range(17, 19)
STATUS_NAMES = (
    *("not_started", "queued", "running", "completed", "rejected", "dropped", "unroutable", "lost"),
    *("gateway_rejected", "gateway_expired", "gateway_displaced", "timed_out", "gateway_queued"),
    *("awaiting_kv", "awaiting_transfer", "gateway_evicted", "cancelled"),
    *("encoding", "awaiting_embeddings"),
)
#: Those of the gateway: without one nobody is ever in them.
GATEWAY_STATUSES = (
    *(GATEWAY_REJECTED, GATEWAY_EXPIRED, GATEWAY_DISPLACED, TIMED_OUT, GATEWAY_QUEUED),
    GATEWAY_EVICTED,
)

#: Those of clusters in which KV moves: elsewhere nobody is ever in them.
MOVING_STATUSES = (AWAITING_KV, AWAITING_TRANSFER)

#: Those of simulations whose requests come from outside: elsewhere no client goes away.
ONLINE_STATUSES = (CLIENT_LEFT,)

#: Those of clusters in which instances encode for others.
ENCODING_STATUSES = (ENCODING, AWAITING_EMBEDDINGS)

# Where the KV of a request's prompt is, if another instance computes it than decodes.
(
    UNDIVIDED,  # one instance does both
    PREFILLING,  # it is being computed, or is to be
    HELD,  # it has been computed, and waits there for its transfer
    KV_LOST,  # it has been computed, and its instance had to give the blocks to others at the last moment
    TRANSFERRING,  # it is on its way, and in both places
    RECEIVED,  # it has left
) = range(6)

# Places of `transfers.places`.
(
    START_ROOT,  # heap of requests whose transfer is to start, by the time at which that is tried
    N_TRANSFERS,  # that have started
    TRANSFER_DEPTH_SUM,  # transfers under way at each start, that one included, summed over starts
    TRANSFER_DEPTH_PEAK,
    TRANSFER_RETURNS,  # requests that were handed back because their transfer could not be
    N_DIVIDED,  # decisions to divide a request
    N_TRANSFER_PLACES,
) = range(7)

# Places of `encoding.places`.
(
    ARRIVAL_OF_EMBEDDINGS_ROOT,  # heap of requests whose embeddings are on their way, by the time of their arrival
    N_MOVING_EMBEDDINGS,  # how many those are
    N_ENCODED_APART,  # transfers that have started
    EMBEDDING_DEPTH_SUM,  # transfers under way at each start, that one included, summed over starts
    EMBEDDING_DEPTH_PEAK,
    N_SENT_TO_ENCODERS,  # decisions to let another instance encode
    N_ENCODING_PLACES,
) = range(7)

# Why the kernel came back.
DONE, AT_ADMISSION, AT_ROUTING, AT_ORDER, AT_VICTIM, GROW, OUT_OF_EVENTS, STALLED, BAD_TARGET, LEFT, AT_SCALING = range(
    11
)

# What an instance is to the cluster: only warm ones are sent requests.
ABSENT, LOADING, WARM, DRAINING, FAILED = range(5)
LIFECYCLE_NAMES = ("absent", "loading", "warm", "draining", "failed")

# What happens to the fleet, in the log of scaling.
(
    DECIDED,  # the policy wants another number of instances in a pool
    STARTED,  # an instance is placed on its GPUs and begins to load
    BECAME_WARM,  # it has loaded
    CANCELLED,  # it is not wanted any more before it has loaded
    BEGAN_DRAINING,  # it gets no more requests
    WENT,  # its GPUs are free again
    DIED,  # it has failed
    RECOVERED,  # it serves again
    UNPLACED,  # instances that were wanted and found no GPUs
) = range(9)
FLEET_EVENT_NAMES = (
    "decided", "started", "became warm", "cancelled", "began draining", "went", "failed", "recovered", "unplaced",
)  # fmt: skip

# What is recorded while a run goes on.
NO_TRACE, TRACE_SUMMARY, TRACE_DECISIONS = range(3)

# Why a step took no further request.
QUEUE_EMPTY, BATCH_FULL, BUDGET_USED, BLOCKS_LACKING, AFTER_PREEMPTION, SLOTS_LACKING = range(6)
STOP_NAMES = (
    *("queue empty", "batch full", "token budget used", "KV blocks lacking", "after a preemption"),
    "adapter slots lacking",
)

# By what one waiting request is more urgent than another, when inversions are looked for.
BY_NOTHING, BY_QUEUEING, BY_PRIORITY = range(3)

# How the wait queue of an instance is kept.
ARRIVAL_ORDER, FIXED_ORDER, CHANGING_ORDER = range(3)

# Which definition of an instance's load the router is shown.
LOAD_PENDING, LOAD_IN_FLIGHT = range(2)

# Places of `scratch.cluster`, the integers of the cluster's loop.
(
    NEXT_ADMISSION,  # request that is admitted, or refused, next; -1: none is on its way
    NEXT_FIXED,  # first request not yet admitted whose arrival does not wait for another's end
    ARRIVAL_ROOT,  # heap of requests on their way whose arrival waited for another's end
    WATCHED,  # request at whose end the loop stops; -1: none
    STOP_AT_ADMISSION,  # request at whose admission to stop; -1: none
    ROUTING_HEAD,  # first of the routing queue
    ROUTING_TAIL,  # one past its last
    LAST_READING_US,  # when the router last read its instances' signals
    LAST_CACHE_READING_US,  # when it last read their prefix caches
    N_ADMITTED,
    N_REJECTED,
    N_ROUTED,
    N_COLD,  # requests routed without a cached prefix anywhere
    EVENTS,  # queueings and steps so far
    CLOCK_US,  # time of the last admission or routing
    MEETING_US,  # time up to which the instances run by themselves
    NEXT_INSTANCE,  # whose turn it is to run up to then
    EARLIEST_US,  # before which no instance that is run has an event; 0: not known
    IS_DECIDED,  # 1: DECISION holds the answer to the question at which the loop stopped
    DECISION,
    TIE_DRAW,  # of the request that is decided on: which of equal instances it gets
    DRAW,  # of that request, for policies that choose at random
    SESSION_INSTANCE,  # where the request of its session before it was sent; -1
    STOP_AT_ROUTING,  # number of the routing decision at which to stop; -1: none
    STUCK_INSTANCE,  # which one stalled
    NEED_ROUTER_RUNS,  # room that the router's index lacked
    FIRST_LIVE,  # 1 + the first of two instances that alone are run, where the others do as they did; 0: all are run
    SECOND_LIVE,  # 1 + the second
    N_CANDIDATES,  # of the request that is decided on
    LISTED_FOR,  # whom those are for, see blis.engine.candidates; -1: not whoever else asks for the same
    N_UNROUTABLE,
    NEXT_ROUTING,  # request that is routed next; -1: none is admitted and not routed
    NEXT_ROUTING_US,  # when that is
    RETURN_ROOT,  # heap of requests that were taken away from an instance and are to be routed again; -1
    N_RETURNED,  # times that a request was taken away so
    N_LOST,
    NEXT_FLEET_US,  # when something happens to the fleet next
    NEXT_TICK_US,  # when the policy of scaling is asked next
    NEXT_READING_US,  # when what it sees is read next
    READ_US,  # when that was last read
    READ_BEFORE_US,  # when before that
    ACTUATES_US,  # when its latest decision takes effect; NEVER_US: it has
    DECIDED_US,  # when it was made
    NEXT_FAILURE,  # place among the failures of the one that comes next
    N_FLEET_EVENTS,
    SCALING_STAGE,  # NOT_ASKED; ASKED, in the middle of an event of the fleet; ANSWERED, by a Python policy of scaling
    N_RETRIES,  # arrivals of requests that had been refused before
    N_TURNED_AWAY,  # refusals by admission of requests that come again
    N_CANCELLED,  # requests whose clients have gone
    N_CANCELLED_SENT,  # of those, the ones that were taken away from an instance
    PATIENCE_ROOT,  # heap of requests on instances whose clients will give up some time; -1
    N_ABANDONED,  # times that a client gave up on a request that was on an instance
    N_CLUSTER_PLACES,
) = range(53)

NOT_ASKED, ASKED, ANSWERED = range(3)

# Places of `gateway.places`, the integers of the queue in front of the router.
(
    NEXT_CYCLE_US,  # when it is next asked whether somebody may be sent; NEVER_US: nobody waits, or nothing can change
    LAST_CYCLE_US,  # when it was last asked; -1: never
    NEXT_SWEEP_US,  # when those that have waited too long are next looked for
    GATE_REQUESTS,  # that wait
    GATE_TOKENS,  # of their prompts
    GATE_PEAK,  # most that ever waited
    N_ENQUEUED,  # that ever joined the queue
    N_DISPATCHED,  # that were sent on
    TRANSIT_REQUESTS,  # sent on, and not yet routed
    TRANSIT_TOKENS,  # of their prompts
    N_GATEWAY_REJECTED,  # for good, as those below
    N_GATEWAY_EXPIRED,
    N_GATEWAY_DISPLACED,
    N_TIMED_OUT,
    N_GATEWAY_EVICTED,
    N_EVICTIONS,  # of running requests, whether or not their clients come again
    LAST_EVICTION_US,  # when that was; far in the past before the first
    N_GATE_PLACES,
) = range(18)

# Places of `scratch.step`, the integers of a step in the making.
(
    STAGE,  # BETWEEN_STEPS, SERVING or TAKING
    INSTANCE,
    NOW_US,
    CURSOR,  # position in the batch of the member to be served next
    CHUNK,  # tokens that it is to compute, once that is known; 0: not yet
    BUDGET,  # tokens left
    UNDER_WAY,  # 1: the step before has not ended yet
    PREEMPTED,  # 1 once a member was preempted
    SORTED,  # waiting requests in the sorted part; -1: not sorted yet
    VICTIM,  # choice of a Python policy; -1: none
    PREFILL_REQUESTS,  # from here on the sums of BatchSums
    PREFILL_TOKENS,
    PREFILL_HISTORY,
    PREFILL_X2,
    PREFILL_PROMPT_X2,
    DECODE_REQUESTS,
    DECODE_CONTEXT,
    DRAFT_TOKENS,  # that the decodes verify, beside the token of each
    REPLAYED,  # decodes that compute again the last token that a request had written when it was preempted
    N_MEMBERS,  # requests that finish their prompt in this step
    LEFT_FROM,  # positions in the batch that the budget left out
    LEFT_TO,
    TAKEN_FROM,  # position in the batch of the first request taken in this step
    STOPPED_BY,  # why no further request was taken
    NEED_RUNS,  # room that the block store lacked
    FOUND_PARTS,  # parts of what the request that may be taken next has in tiers, see blis.engine.tier_loads
    LOADED_US,  # when what members load within the step is there; 0: nothing
    ADAPTER_TOKENS,  # that are computed with an adapter
    ADAPTER_LOAD_US,  # time that loading adapters takes
    ENCODER_TOKENS,  # of images, audio and video that are encoded with the step
    N_STEP_PLACES,
) = range(31)

BETWEEN_STEPS, SERVING, TAKING = range(3)
