"""Requests before a cluster, laid out once for all the runs on it that differ in their policies alone.

What no policy changes is worked out here: the table of requests, settings, budgets. A run may leave its arrays to the
next one, which finds them at the size to which they have grown.
"""

import numpy as np

from blis.cluster.gateway import gateway_bands
from blis.cluster.served_models import places_of_models, served_models
from blis.engine import codes
from blis.engine.choice import LOWEST_INDEX
from blis.engine.records import Records
from blis.engine.reset import Resetting, fitted
from blis.engine.setting_fields import setting_record
from blis.engine.start import new_state
from blis.engine.state import State, Workload
from blis.engine.tier_start import with_learning_tiers
from blis.foundation.checks import check_choice
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import Int64Vector
from blis.prepare import PreparedCluster, PreparedRun
from blis.workload.arrays import lookahead, outputs_share_keys, workload_arrays
from blis.workload.requests import Requests
from blis.workload.retries import retry_settings

#: What may be recorded of a run; the place is the number that the kernel knows.
TRACE_LEVELS = ("none", "summary", "decisions")

#: Larger states are made anew for each run: they would fill the memory, and their runs take long enough.
MOST_LEFT_BYTES = 64 * 2**20


class Stage:
    """Requests and a cluster, ready for any number of runs; from several threads at a time if need be.

    Parameters
    ----------
    requests : Requests
        What arrives; shared by all runs, never changed.
    cluster : PreparedCluster
        What serves; shared by all runs, never changed.
    seed : int ≥ 0
        Decides which of equally good instances gets a request, where ties are drawn.
    record_steps, record_routing, trace, max_events
        See `blis.simulate.Simulation`.

    Raises
    ------
    ConfigError
        If the requests were made for another block size, or ask for a model that no instance serves.
    """

    def __init__(
        self,
        requests: Requests,
        cluster: PreparedCluster,
        *,
        seed: int = 0,
        record_steps: bool = True,
        record_routing: bool = False,
        trace: str = "none",
        max_events: int | None = None,
    ) -> None:
        block_size_tokens = cluster.cluster.block_size_tokens
        if requests.block_size_tokens != block_size_tokens and len(requests.keys):
            raise ConfigError(
                f"requests: keys were made for blocks of {requests.block_size_tokens} tokens; the cluster's have "
                f"{block_size_tokens}."
            )
        level = TRACE_LEVELS.index(check_choice("trace", trace, TRACE_LEVELS))
        self.requests = requests
        self.cluster = cluster
        self.seed = seed
        finds_copies = bool(cluster.settings["copies_findable"])
        targets_us = cluster.ttft_targets_us, cluster.itl_targets_us
        models = places_of_models(requests.models, requests.model, served_models(cluster.cluster.instances))
        self.workload = workload_arrays(requests, block_size_tokens, finds_copies, *targets_us, models)
        self._settings = self._of_all_runs() | {
            "max_events": self._event_budget() if max_events is None else max_events,
            "record_routing": record_routing or level > 0,
            "record_steps": record_steps,
            "trace_level": level,
        }
        self._first: State | None = None
        # To append and to pop are one step each, so threads need no lock.
        self._left: list[tuple[State, Resetting | None]] = []

    def settings(self, run: PreparedRun) -> Records:
        """The kernel's settings for a run with these policies."""
        shared, own = self._settings, run.prepared_policies.settings
        restricts = shared["restricts_candidates"] or own["n_filters"] > 0
        looks = own["looks"] or shared["record_routing"] or shared["lookahead_us"] < codes.NEVER_US
        changed = {
            # Where instances meet in a tier, none may run ahead to a request that is sent to it.
            "looks": looks or shared["has_fleet"] or shared["shares_tier"],
            "restricts_candidates": restricts,
            "asks_scaling": own["asks_scaling"] and shared["scales"],
            **run.tier_rules,
        }
        if shared["n_tiers"] > 0 and not {**shared, **changed}["tiers_written_through"]:
            changed["evicts_oldest"] = 0  # the order of giving back tells free blocks with content from those without
        if shared["shares_tier"]:  # what one instance stores there, another finds
            changed["effects_are_local"] = 0
        if shared["has_fleet"]:  # instances depend on each other by the decisions about their number
            changed["effects_are_local"] = 0
        if shared["has_gateway"]:  # whether somebody is sent on depends on what all instances do
            expects = own["needs_expected_output"] or own["gate_expects_output"]
            changed |= {"looks": True, "effects_are_local": False, "needs_expected_output": expects}
        if shared["times_out"]:  # who gives up must not have ended, and may come again elsewhere
            changed |= {"looks": True, "effects_are_local": False}
        if shared["swaps"] and not run.prepared_policies.may_swap:
            changed |= {"swaps": 0, "swaps_beside": 0}
        if shared["has_transfers"]:
            changed |= run.prepared_policies.when_divided
        if shared["has_encoder"] and self.cluster.cluster.encodes_apart and run.prepared_policies.when_encoded:
            asked = {**shared, **own, **changed}
            changed |= {name: value or asked[name] for name, value in run.prepared_policies.when_encoded.items()}
            changed["effects_are_local"] = False
        return setting_record(**{**shared, **own, **changed})

    def state(self, settings: Records, workload: Workload | None = None) -> State:
        """The state before the first event, in arrays of its own; with the room for another workload, if given."""
        bands = gateway_bands(self.cluster.cluster.gateway)
        workload = self.workload if workload is None else workload
        cluster = self.cluster
        state = new_state(workload, settings, cluster.limits, cluster.fleet, bands, cluster.tiers, cluster.swap)
        return with_learning_tiers(state, settings)

    def state_left(self, settings: Records) -> tuple[State, Resetting | None]:
        """The same in arrays that a run has left, with what `leave` asks for; if there are none, in new ones."""
        try:
            state, left = self._left.pop()
        except IndexError:
            return self.state(settings), None
        if left is None or left.state is not state:
            if self._first is None:
                self._first = self.state(settings)
            left = Resetting(state, self._first)
        state = fitted(left.run(), settings, self.workload, self.cluster.limits)
        return with_learning_tiers(state, settings), left

    def leave(self, state: State, left: Resetting | None) -> None:
        """Let the next run have the arrays of a state that nobody will look at any more."""
        if _n_bytes(state) <= MOST_LEFT_BYTES:
            self._left.append((state, left))

    def _of_all_runs(self) -> dict[str, int]:
        shared = dict(self.cluster.settings)
        lookahead_us = lookahead(self.requests)
        fewest_tokens = max(1, int(self.requests.output_tokens.min())) if len(self.requests) else 1
        most_drafts = shared.pop("most_drafts")
        return shared | {
            "tie_key": self._key("ties") if shared.pop("draws_ties") else LOWEST_INDEX,
            "draw_key": self._key("draws"),
            "acceptance_key": self._key("acceptance") if most_drafts > 0 else codes.NO_DRAFTS,
            "restricts_candidates": shared["restricts_candidates"] or self._asks_for_some(),
            "has_encoder": shared["has_encoder"] and bool(self.workload.table.encoder_tokens.any()),
            "has_adapters": self._has_adapters(),
            "n_adapters": len(self.requests.adapters) if self._has_adapters() else 0,
            "n_segments": len(self.workload.segment_end),
            "n_tenants": _count(self.workload.table.tenant),
            "n_kinds": _count(self.workload.table.kind),
            "max_idle_preemptions": self._preemption_budget(),
            "outputs_share_keys": outputs_share_keys(self.requests),
            "least_steps": 1 - -(fewest_tokens - 1) // (1 + most_drafts),
            "lookahead_us": lookahead_us,
            **retry_settings(self.requests.retries),
            "retry_key": self._key("retries") if self.requests.retries is not None else 0,
        }

    def _asks_for_some(self) -> bool:
        """Whether a request asks for a model that not every instance serves, or for an adapter."""
        if self._has_adapters() and not self.cluster.limits.max_loras.all():
            return True
        if not self.requests.models:
            return False
        asked = np.unique(self.workload.table.model)
        serves = self.cluster.limits.serves
        return any(bool(((serves >> model) & 1 == 0).any()) for model in asked[asked >= 0].tolist())

    def _has_adapters(self) -> bool:
        """Whether instances serve adapters, and requests ask for them; else they only tell prompts apart."""
        return bool(self.cluster.limits.max_loras.any() and (self.workload.table.adapter >= 0).any())

    def _key(self, of_what: str) -> int:
        return int(stream(self.seed, of_what).integers(2**32))

    def _event_budget(self) -> int:
        """Far more events than any run needs that gets on: every request needs a step per chunk and per token."""
        limits = self.cluster.limits
        chunk = int(limits.step_token_budget.min())
        threshold = limits.long_prefill_threshold_tokens
        if threshold.max() > 0:
            chunk = min(chunk, int(threshold[threshold > 0].min()))
        steps = int((self.workload.table.input_tokens // max(chunk, 1) + self.workload.table.output_tokens + 2).sum())
        return 50 * steps + 1_000_000

    def _preemption_budget(self) -> int:
        """Preemptions without a completion after which an instance counts as stalled; a horizon ends any run."""
        if self.cluster.horizon_us is not None or not len(self.requests):
            return codes.NEVER_US
        return 100_000 + 10 * int(self.workload.table.output_tokens.max())


def _count(numbers: Int64Vector) -> int:
    """How many there are of what is numbered from 0."""
    return 1 + int(numbers.max()) if len(numbers) else 0


def _n_bytes(state: State) -> int:
    """Of its arrays that grow with the requests."""
    growing = (state.requests, state.log.entries, state.cache.runs, state.trace.samples)
    return sum(int(array.nbytes) for array in growing)
