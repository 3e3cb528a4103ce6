"""Named differences between what the recorded reference did and what a real cluster does."""

from typing import NamedTuple

from blis.foundation.checks import check_choice


class Semantics(NamedTuple):
    """One flag for each point on which the presets differ; True is the corrected behaviour, but for the last one."""

    busy_until_step_ends: bool
    """An instance whose batch and queue are empty is busy until its step ends; else new work may overlap it."""

    recompute_cached_prompt: bool
    """A prompt found wholly in the cache recomputes its last block and holds the others; else it holds nothing."""

    drop_oversized_total: bool
    """A request whose prompt plus output can never fit is dropped when queued; else it is preempted for ever."""

    first_copy_stays: bool
    """Of two blocks with one content the first is found; else the later, and evicting either forgets the key."""

    history_includes_cached: bool
    """A request just taken is priced with its cached tokens as history; else with none."""

    waiting_counts: bool
    """The time in which a decoding request is left out by the token budget is part of its E2E and intervals."""

    reads_at_start: bool
    """The router's first periodic reading of signals is made at time 0; else it knows nothing before the first interval
    has passed, and takes an instance's free blocks for zero."""

    load_counts_once: bool
    """Load is queued + running + pending; else queued + running + in flight, which counts a request twice."""

    order_by_kind: bool
    """Within one microsecond queueings precede the step; else whatever was scheduled first comes first."""

    ties_are_drawn: bool
    """Which of equally good instances gets a request is drawn, by the seed; else the one of the lowest index."""

    index_is_cache_sized: bool
    """The router remembers as many blocks of an instance as the instance has; else 10,000."""

    blocks_fit_memory: bool
    """KV blocks that are derived from memory are those that the GPUs hold; else, as published, the memory of a
    tensor-parallel group divided by the block bytes of one GPU."""

    resume_keeps_output: bool
    """A preempted request keeps what it has written, and recomputes it with its prompt; else it starts from nothing."""

    threshold_needs_company: bool
    """A request that is alone on its instance computes its prompt in chunks as large as the budget; else it too keeps
    to the threshold of long prompts."""

    reserve_full_isl: bool
    """A request is taken if its whole prompt fits into the free blocks; else if its first chunk does. A pool may say
    otherwise."""

    keyless_freed_first: bool
    """Of freed blocks, those that nobody can find again are the next to be taken; else all wait behind the others."""

    final_token_unstored: bool
    """The last token of an output needs no room; else it takes some if there is any."""

    copies_findable: bool
    """Of blocks with one content the next oldest is found once the oldest has gone; else the second never is."""

    victim_among_all: bool
    """Whoever is running may have to give way, even if served in this step already; else only who has not been yet."""

    empty_step_is_free: bool
    """A step that finds nobody to serve takes no time; else it takes as long as the latency model says."""

    async_scheduling: bool
    """Two steps are under way at a time: one is composed when the one before it starts; else when it starts itself. A
    pool may say otherwise: real engines run in both ways, and the corrected behaviour is the second."""


VLLM_0_32 = Semantics(*[True] * len(Semantics._fields))
CORRECTED = VLLM_0_32._replace(async_scheduling=False)
REFERENCE_2026_04 = Semantics(*[False] * len(Semantics._fields))._replace(order_by_kind=True)
REFERENCE_2026_02 = REFERENCE_2026_04._replace(load_counts_once=True, order_by_kind=False)

PRESETS = {
    "corrected": CORRECTED,
    "vllm-0.32": VLLM_0_32,
    "reference-2026-04": REFERENCE_2026_04,
    "reference-2026-02": REFERENCE_2026_02,
}


def semantics(name: str) -> Semantics:
    """The preset called `name`; an unknown name raises `UnknownChoiceError`."""
    return PRESETS[check_choice("semantics", name, PRESETS)]
