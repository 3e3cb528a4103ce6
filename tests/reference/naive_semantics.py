"""This file names the points in which the dated references and the corrected simulator differ."""

from __future__ import annotations

from typing import NamedTuple


class Semantics(NamedTuple):
    """One flag per disputed point; True is the corrected reading unless the comment says otherwise."""

    busy_until_step_end: bool = True  # False: an instance left empty by a step may start another at once
    recompute_last_block: bool = True  # of a wholly cached prompt; False: 0 tokens computed, nothing held
    drop_if_output_never_fits: bool = True  # False: only a prompt that is too big alone is dropped
    first_copy_is_found: bool = True  # False: the later copy; taking any copy forgets the key altogether
    cached_tokens_are_history: bool = True  # False: roofline history of a just taken request is 0
    first_snapshot_is_real: bool = True  # False: all zeros, free blocks too, until the first interval
    waiting_counts_in_e2e: bool = True  # of a decode left out by the budget
    load_counts_in_flight: bool = False  # True (April): routed, not completed; False: routed, not yet queued
    same_time_by_kind: bool = True  # arrival, queueing, step; False (February): order of scheduling
    ties_are_drawn: bool = True  # among the best instances, by the seed; False: the lowest index
    router_remembers_all_blocks: bool = True  # as many as an instance has; False: 10,000
    count_first_token: bool = True  # False (February): max(output - 1, 0) output tokens per completed request
    inversions_per_class: bool = True  # False (February): among all requests of an instance
    idle_instances_in_blocking: bool = True  # as mean queue 0; False (February): left out
    preempted_keeps_output: bool = True  # and recomputes it with its prompt; False: starts again from nothing
    threshold_needs_company: bool = True  # False: a prompt that is alone is cut into chunks as well
    whole_prompt_must_fit: bool = True  # to be taken; False: its first chunk. A pool may say otherwise
    keyless_freed_first: bool = True  # a freed block without a key is the next to be taken; False: the last
    final_token_is_stored: bool = False  # True: if there is room
    copies_are_found: bool = True  # the next oldest of one content once the oldest is gone; False: only one is keyed
    victims_are_all: bool = True  # who gives way may have been served in this step; False: who was not yet
    empty_step_is_free: bool = True  # False: it takes as long as any other
    two_batches: bool = False  # True: a step is composed when the one before it starts. A pool may say otherwise


CORRECTED = Semantics()
REFERENCE_2026_04 = Semantics(
    busy_until_step_end=False,
    recompute_last_block=False,
    drop_if_output_never_fits=False,
    first_copy_is_found=False,
    cached_tokens_are_history=False,
    first_snapshot_is_real=False,
    waiting_counts_in_e2e=False,
    load_counts_in_flight=True,
    ties_are_drawn=False,
    router_remembers_all_blocks=False,
    preempted_keeps_output=False,
    threshold_needs_company=False,
    whole_prompt_must_fit=False,
    keyless_freed_first=False,
    final_token_is_stored=True,
    copies_are_found=False,
    victims_are_all=False,
    empty_step_is_free=False,
)
REFERENCE_2026_02 = REFERENCE_2026_04._replace(
    load_counts_in_flight=False,
    same_time_by_kind=False,
    count_first_token=False,
    inversions_per_class=False,
    idle_instances_in_blocking=False,
)
PRESETS = {
    "corrected": CORRECTED,
    "vllm-0.32": CORRECTED._replace(two_batches=True),
    "reference-2026-04": REFERENCE_2026_04,
    "reference-2026-02": REFERENCE_2026_02,
}
