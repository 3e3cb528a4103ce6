"""A simulation that requests enter while it runs: what each of them is becomes known when it arrives, not before.

The table of requests has room at its end. Behind those that have come stands one row more, the next request, whose time
nobody knows yet: so the engine never takes a quiet moment for the end. Every whole block of a sequence has a key from
the beginning, because another request may ask for it later. What is simulated is what `blis.result.simulate` makes of
the same requests when it knows them all, to the microsecond.
"""

from typing import Any, NamedTuple

import numpy as np

from blis.cluster.served_models import served_models
from blis.engine import codes
from blis.engine._jit import plain
from blis.engine.encoding_apart import next_encoding_us
from blis.engine.fewer_rows import can_forget, first_in_batches, segments_named, without_first
from blis.engine.more_rows import with_rows_of
from blis.engine.outside import compiled_abort
from blis.engine.records import Records
from blis.engine.request_fields import WORKLOAD_COLUMNS, workload_table
from blis.engine.setting_fields import SETTING_NAMES, setting_record
from blis.engine.start import copy_state
from blis.engine.state import State, Workload
from blis.engine.transfers import next_transfer_us
from blis.foundation.errors import ConfigError
from blis.foundation.slo import CLASSES
from blis.foundation.units import BoolVector, Int64Vector
from blis.policies.binding import memory_of_all
from blis.prepare import PreparedRun
from blis.simulate import Cancellation, Simulation
from blis.stage import Stage
from blis.workload.prefixes.keys import PrefixKeys
from blis.workload.table import requests_of

#: Tenants that are told apart: what instances learn has an entry for each from the beginning.
MOST_TENANTS = 64
#: Later than every request that comes.
UNKNOWN_US = 2**61
#: Above every number that a block can have: those of blocks that nobody else can find would follow.
_MOST_SEGMENTS = 2**40
#: Preemptions of an instance without a completion after which it counts as stalled.
_MOST_IDLE_PREEMPTIONS = 1_000_000
_FIRST_ROOM = 1024
_UNWRITTEN = np.zeros(0, np.int64)
#: Columns in which 0 would mean something.
_ABSENT = dict.fromkeys(("model", "adapter", "session", "think_us", "first_follower", "next_follower"), -1)


class Arrival(NamedTuple):
    """One request, as it is when it comes."""

    input_tokens: int  #: ≥ 1
    output_tokens: int  #: ≥ 0
    #: of the leading whole blocks of its sequence, prompt and output, one number each: two requests have number b at
    #: place k exactly when their first k + 1 blocks are equal. New blocks get the next free numbers, from 0.
    blocks: Int64Vector
    prompt: int  #: number of an earlier request with the same prompt, always the same; its own if there is none
    slo_class: int = 0  #: index into blis.foundation.slo.CLASSES
    tenant: int = 0  #: below MOST_TENANTS
    session: int = -1  #: numbered from 0 as they come; -1: none
    turn: int = 0  #: of the session
    model: int = -1  #: place among the names that the cluster serves; -1: whichever is served


class OnlineSimulation:
    """A cluster and its policies at one moment of simulated time, to which requests come.

    Parameters
    ----------
    prepared : PreparedRun
        What serves, and how it decides.
    seed : int ≥ 0
        Decides which of equally good instances gets a request, where ties are drawn.

    Raises
    ------
    ConfigError
        If a policy has to know the future.
    """

    def __init__(self, prepared: PreparedRun, *, seed: int = 0) -> None:
        if prepared.prepared_policies.settings["needs_next_use"]:
            raise ConfigError(
                "eviction must not be belady here: it asks when blocks are used again, which nobody knows."
            )
        cluster = prepared.cluster
        self._stage = Stage(
            _nothing(cluster.block_size_tokens), prepared.prepared_cluster, seed=seed, record_steps=False
        )
        self._simulation = Simulation.on(self._stage, prepared)
        self._settings = self._simulation.settings = _settings(self._simulation.settings, prepared)
        self._n = 0
        self.n_forgotten = 0  #: requests whose rows are gone; the first that is left has this number
        self._n_sessions = 0
        self._longest_tokens = 1
        self._targets_us = tuple(
            np.array(targets, np.int64)
            for targets in (prepared.prepared_cluster.ttft_targets_us, prepared.prepared_cluster.itl_targets_us)
        )
        self._table = _room(0)
        self._offsets = np.zeros(1, np.int64)
        self._blocks = self._first = self._end = _UNWRITTEN
        self._n_blocks = 0
        self._grow(max(_FIRST_ROOM, min(4096, int(prepared.prepared_cluster.limits.max_running_requests.max()))))
        self._show()
        compiled_abort()  # before a clock starts

    def __len__(self) -> int:
        """How many requests have come and are not forgotten: a row for each."""
        return self._n

    @property
    def can_forget(self) -> bool:
        """Whether requests that have ended can be forgotten: not where something else is kept of each."""
        run, n_tenants = self._simulation.prepared, int(self._settings.n_tenants)
        widths = {memory_of_all(run.policies, len(run.limits), rows, n_tenants).shape for rows in (1, _FIRST_ROOM)}
        return len(widths) == 1 and can_forget(self._settings)

    @property
    def state(self) -> State:
        """What moves; rows of requests beyond those that have come mean nothing."""
        return self._simulation.state

    @property
    def table(self) -> Records:
        """(n,) of the requests that have come, WORKLOAD_FIELDS."""
        return self._table[: self._n]

    @property
    def limits(self) -> Records:
        """Of the instances, LIMIT_FIELDS."""
        return self._simulation.prepared.limits

    def next_event_us(self) -> int:
        """Time of the earliest event of the cluster or of an instance; NEVER_US if nothing is due."""
        state = self._simulation.state
        cluster, places = state.scratch.cluster, state.gateway.places
        times = [int(state.instances.next_event_us.min()), int(cluster[codes.NEXT_FLEET_US] or codes.NEVER_US)]
        admission = int(cluster[codes.NEXT_FIXED])
        if admission < self._n:
            times.append(int(state.requests.arrival_us[admission]) + int(self._settings.admission_latency_us))
        times.append(int(cluster[codes.NEXT_ROUTING_US]))
        if self._settings.disaggregates:
            times.append(int(plain(next_transfer_us)(state)))
        if self._settings.encodes_apart:
            times.append(int(plain(next_encoding_us)(state)))
        if self._settings.has_gateway:
            times += [int(places[codes.NEXT_CYCLE_US]), int(places[codes.NEXT_SWEEP_US])]
        return min(times)

    def advance(self, until_us: int) -> None:
        """Run all events before `until_us`.

        Raises
        ------
        StalledError, ContractError
            See `blis.simulate.Simulation.advance`.
        """
        self._simulation.advance(until_us)

    def add(self, arrival_us: int, arrival: Arrival) -> int:
        """Let a request come, not before the time to which the simulation has been advanced.

        Returns
        -------
        int
            Its row, until requests before it are forgotten.
        """
        request = self._n
        if request + 2 > len(self._table):
            self._grow(2 * len(self._table))
        length = arrival.input_tokens + arrival.output_tokens
        if length > self._longest_tokens:
            self._make_room_for(2 * length)
        ttft_target_us, itl_target_us = (int(targets[arrival.slo_class]) for targets in self._targets_us)
        row = {
            "arrival_us": arrival_us,
            "input_tokens": arrival.input_tokens,
            "prompt_blocks": arrival.input_tokens // int(self._settings.block_size_tokens),
            "output_tokens": arrival.output_tokens,
            "prompt": arrival.prompt,
            "number": self.n_forgotten + request,
            "slo_class": arrival.slo_class,
            "tenant": arrival.tenant,
            "kind": arrival.tenant * len(CLASSES) + arrival.slo_class,
            "itl_target_us": itl_target_us,
            "ttft_target_us": ttft_target_us,
            "model": arrival.model,
            "session": arrival.session,
            "turn": arrival.turn,
        }
        # As a whole: a record's fields one by one take longer than all the rest.
        self._table.view(np.ndarray)[request] = tuple(row.get(name, _ABSENT.get(name, 0)) for name in WORKLOAD_COLUMNS)
        self._add_blocks(request, arrival.blocks)
        requests = self._simulation.state.requests
        requests.arrival_us[request], requests.text_tokens[request] = arrival_us, arrival.input_tokens
        self._add_session(arrival.session)
        self._n += 1
        self._show()
        return request

    def cancel(self, request: int, now_us: int) -> Cancellation:
        """Take a request away, because nobody waits for its answer any more; run all events before `now_us` first.

        What it holds is free, and where it ran or waited others may; what it has got stays known until then alone.
        """
        self._simulation.advance(now_us)
        return self._simulation.cancel(request, now_us)

    def forget(self, before: int) -> int:
        """Forget the requests of the rows before this one, which have all ended; as many as can be, and how many.

        Rows that are left move up by so many. What comes later is simulated as if all were still there, but for a
        policy that reads a request's place in the order of arrival: it reads the place among those that are left.
        """
        simulation = self._simulation
        named = first_in_batches(simulation.state)
        count = before if named < 0 else min(before, named)
        if count <= 0:
            return 0
        kept = self._n - count
        table = _room(len(self._table))
        table[:kept] = self._table[count : self._n]
        start = int(self._offsets[count])
        offsets = np.zeros(len(self._offsets), np.int64)
        offsets[: kept + 2] = self._offsets[count : self._n + 2] - start
        self._blocks = self._blocks[start : int(self._offsets[self._n])].copy()
        self._table, self._offsets = table, offsets
        simulation.state = without_first(simulation.state, self._fresh_state(), count)
        self._n, self.n_forgotten = kept, self.n_forgotten + count
        self._show()
        return count

    def blocks_named(self) -> BoolVector:
        """By number of a block, whether a request, a cache or the router knows it."""
        named = segments_named(self._simulation.state, len(self.limits), self._n_blocks)
        named[self._blocks[: int(self._offsets[self._n])]] = True
        return named

    def fork(self) -> "OnlineSimulation":
        """An independent copy: both continue, and take in requests, without knowing of each other."""
        copy = object.__new__(OnlineSimulation)
        copy.__dict__.update(self.__dict__)
        copy._simulation = self._simulation.fork()
        copy._simulation.state = copy_state(self._simulation.state)
        for name in ("_table", "_offsets", "_blocks", "_first", "_end"):
            setattr(copy, name, getattr(self, name).copy())
        copy._show()
        return copy

    def _add_blocks(self, request: int, blocks: Int64Vector) -> None:
        start = int(self._offsets[request])
        stop = start + len(blocks)
        if stop > len(self._blocks):
            self._blocks = _longer(self._blocks, 2 * stop)
        self._blocks[start:stop] = blocks
        self._offsets[request + 1 : request + 3] = stop
        most = int(blocks.max()) + 1 if len(blocks) else 0
        if most > len(self._first):
            self._first, self._end = _longer(self._first, 2 * most), _longer(self._end, 2 * most)
        self._first[blocks] = np.arange(len(blocks))
        self._end[blocks] = np.arange(1, len(blocks) + 1)
        self._n_blocks = max(self._n_blocks, most)

    def _add_session(self, session: int) -> None:
        state = self._simulation.state
        if session < self._n_sessions:
            return
        self._n_sessions = session + 1
        if session >= len(state.sessions):
            sessions = np.full(2 * (session + 1), -1, np.int64)
            sessions[: len(state.sessions)] = state.sessions
            self._simulation.state = state._replace(sessions=sessions)

    def _show(self) -> None:
        """Let the engine see the requests that have come, and the next one."""
        rows = self._n + 1
        arrays = (self._table[:rows], self._offsets[: rows + 1], self._blocks[: self._offsets[self._n]],
                  self._first[: self._n_blocks], self._end[: self._n_blocks])  # fmt: skip
        for array in arrays:
            array.flags.writeable = False
        self._simulation.workload = Workload(*arrays)
        self._simulation.windows = None  # what Python policies see follows these arrays

    def _grow(self, rows: int) -> None:
        """Make room for so many requests."""
        room = _room(rows)
        room[: len(self._table)] = self._table
        self._table, self._offsets = room, _longer(self._offsets, rows + 1)
        self._fit_state()
        simulation = self._simulation
        memory = memory_of_all(
            simulation.prepared.policies, len(simulation.prepared.limits), rows, int(self._settings.n_tenants)
        )
        memory[:, : simulation.memory.shape[1]] = simulation.memory
        simulation.memory = memory

    def _make_room_for(self, tokens: int) -> None:
        """Make room for a sequence of so many tokens."""
        self._longest_tokens = tokens
        self._fit_state()

    def _fit_state(self) -> None:
        """Let the state have room for the table and the longest sequence; contents stay as they are."""
        fresh = self._fresh_state()
        if self._n == 0 and not self._simulation.state.scratch.cluster[codes.CLOCK_US]:
            self._simulation.state = fresh
            return
        self._simulation.state = with_rows_of(self._simulation.state, fresh)

    def _fresh_state(self) -> State:
        sample = self._table.copy()
        sample.input_tokens[-1] = self._longest_tokens
        empty = _UNWRITTEN
        return self._stage.state(self._settings, Workload(sample, self._offsets, empty, empty, empty))


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    longer = np.zeros(length, array.dtype)
    longer[: len(array)] = array
    return longer


def _room(rows: int) -> Records:
    """Rows of requests that have not come."""
    table = workload_table(**dict.fromkeys(WORKLOAD_COLUMNS, np.zeros(rows, np.int64)))
    if rows:
        table.arrival_us[:] = UNKNOWN_US
        for name, value in _ABSENT.items():
            table[name] = value
    return table


def _nothing(block_size_tokens: int) -> Any:
    """No requests."""
    keys = PrefixKeys(np.zeros(1, np.int64), _UNWRITTEN.copy(), _UNWRITTEN.copy())
    times, inputs, outputs = (np.zeros(0, np.int64) for _ in range(3))
    return requests_of(
        arrival_us=times, input_tokens=inputs, output_tokens=outputs, keys=keys, block_size_tokens=block_size_tokens
    )


def _settings(settings: Records, prepared: PreparedRun) -> Records:
    """The settings of a run whose requests are not known: nothing follows from them."""
    serves = prepared.limits.serves
    names = served_models(prepared.cluster.instances)
    is_mixed = any(bool(((serves >> place) & 1 == 0).any()) for place in range(len(names)))
    return setting_record(
        **{name: int(settings[name]) for name in SETTING_NAMES}
        | {
            "max_events": codes.NEVER_US,
            "max_idle_preemptions": _MOST_IDLE_PREEMPTIONS,
            "n_segments": _MOST_SEGMENTS,
            "n_tenants": MOST_TENANTS,
            "n_kinds": MOST_TENANTS * len(CLASSES),
            "outputs_share_keys": 1,
            "restricts_candidates": int(settings.restricts_candidates) | is_mixed,
            "record_steps": 0,
        }
    )
