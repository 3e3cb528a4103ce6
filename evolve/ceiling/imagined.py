"""Futures that might as well come: other requests, and other lengths of the answers that are under way.

Who has arrived is known, but not how long its answer will be; and of a conversation that has begun, what is still asked
in it, which is more than a scheduler knows. All others are replaced: those who come after the decision in another draw
of the scenario come instead, at their times, as many as really come at most. How long an answer under way becomes is
drawn from those of the same client in all draws, among the ones that are longer than it is already.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from blis.engine.codes import CLOCK_US, COMPLETED, NEVER_US, NEXT_FIXED, NO_DRAFTS
from blis.engine.records import Records
from blis.engine.start import new_state
from blis.engine.state import Workload
from blis.foundation.randomness import stream
from blis.foundation.units import Int32Vector, Int64Vector
from blis.prepare import PreparedCluster, PreparedRun
from blis.scenario import Scenario
from blis.simulate import Simulation
from blis.workload.prefixes.chained_keys import csr_offsets
from blis.workload.requests import Requests
from evolve.ceiling.copying import Copies
from evolve.ceiling.draws import other_draws
from evolve.ceiling.joint import Draw, lay_out
from evolve.ceiling.lengths import Lengths, set_lengths

#: Later than any copy is run.
_NOT_BEFORE_THE_END_US = NEVER_US // 2


class Future(NamedTuple):
    """What is known of a run at a decision, and what may come."""

    simulation: Simulation  #: at the decision; it is copied, not run
    slo_class: Int32Vector  #: (n,) of every request in it, index into the names of `Imagined`


class Imagined:
    """Imagined futures of the runs of one workload.

    Parameters
    ----------
    scenario : Scenario
    requests : Requests
        Those that really come.
    n_futures : int ≥ 1
        For each decision.
    seed : int ≥ 0
        Of all draws.
    cluster : PreparedCluster
        Before which they come.
    """

    def __init__(
        self, scenario: Scenario, requests: Requests, n_futures: int, seed: int, cluster: PreparedCluster
    ) -> None:
        others = other_draws(scenario, requests, n_futures, seed)
        self._requests = requests
        self._joint = lay_out(scenario, [requests, *others], cluster)
        self._draws = [stream(seed, "ceiling", "future", place) for place in range(n_futures)]
        self._root = _roots(requests)
        self._other_roots = [_roots(one) for one in others]
        self._copies = Copies()
        self._lengths = Lengths([requests, *others])
        names = dict.fromkeys(name for one in (requests, *others) for name in one.slo_classes)
        self.slo_classes = tuple(names)
        number = {name: place for place, name in enumerate(names)}
        self._slo_class = [
            np.array([number[name] for name in one.slo_classes], np.int32)[one.slo_class] for one in (requests, *others)
        ]

        self.another = others[0]  #: what comes in the first of the futures, as a workload of its own
        self.slo_class_of_another = self._slo_class[1]

    def simulation(self, run: PreparedRun, seed: int) -> Simulation:
        """The run itself, laid out so that its copies can meet other requests; nothing is recorded of it."""
        simulation = Simulation(self._requests, run, seed=seed, record_steps=False)
        real, draws = self._joint.draws[0], self._joint.draws
        simulation.workload = self._workload(real.table, real.segment_offsets, real.segments)
        settings = simulation.settings.copy()
        settings["n_segments"] = len(self._joint.segment_end)
        settings["outputs_share_keys"] = 1 if len(self._joint.segment_end) else 0
        waits = [int(one.table["think_us"][one.table["think_us"] >= 0].min(initial=NEVER_US)) for one in draws]
        settings["lookahead_us"] = min(waits)
        settings["least_steps"] = 1  # answers drawn anew may be as short as that
        simulation.settings = settings
        state = new_state(simulation.workload, settings, run.limits, swap=run.prepared_cluster.swap)
        longest = max(int((one.table["input_tokens"] + one.table["output_tokens"]).max()) for one in draws)
        hits = np.empty((2 * longest // int(settings["block_size_tokens"]) + 1, 2), np.int64)
        simulation.state = state._replace(scratch=state.scratch._replace(hits=hits))
        return simulation

    def at(self, base: Simulation) -> Iterator[Future]:
        """A copy of the run for each future."""
        for place in range(len(self._draws)):
            yield self._imagined(base, place)

    def _imagined(self, base: Simulation, place: int) -> Future:
        real, other, draws = self._joint.draws[0], self._joint.draws[1 + place], self._draws[place]
        copy = self._copies.of(base)
        now_us = int(base.state.scratch.cluster[CLOCK_US])
        rows, donors = _replaced(base, real, other, self._root, self._other_roots[place], now_us)
        table = real.table.view(np.ndarray).copy()
        table[rows[: len(donors)]] = _moved(other.table, donors, rows)
        for name in ("prompt", "session"):  # what policies remember things by has its place in a memory of this size
            table[name][rows] = real.table[name][rows]
        table["arrival_us"][rows[len(donors) :]] = _NOT_BEFORE_THE_END_US
        table["think_us"][rows[len(donors) :]] = -1
        requests = copy.state.requests.view(np.ndarray)
        requests["arrival_us"][rows] = table["arrival_us"][rows]
        requests["text_tokens"][rows] = table["input_tokens"][rows]
        known = np.ones(len(table), np.bool_)
        known[rows] = False
        if base.settings["acceptance_key"] == NO_DRAFTS:
            under_way = np.flatnonzero(known & (requests["status"] < COMPLETED))
            set_lengths(copy, table, under_way, self._lengths.drawn(copy, under_way, draws))
        copy.workload = self._workload(table, *_segments(real, other, rows[: len(donors)], donors))
        slo_class = self._slo_class[0].copy()
        slo_class[rows[: len(donors)]] = self._slo_class[1 + place][donors]
        return Future(copy, slo_class)

    def _workload(self, table: Records, offsets: Int64Vector, segments: Int64Vector) -> Workload:
        return Workload(
            table.view(np.recarray),
            _read_only(offsets),
            _read_only(segments),
            _read_only(self._joint.segment_first),
            _read_only(self._joint.segment_end),
        )


def _read_only(array: Int64Vector) -> Int64Vector:
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def _roots(requests: Requests) -> Int64Vector:
    """(n,) the request that each waits for in the end; itself if it waits for none."""
    root = np.arange(len(requests))
    for row in np.flatnonzero(requests.after >= 0).tolist():
        root[row] = root[requests.after[row]]
    return root


def _replaced(
    base: Simulation, real: Draw, other: Draw, root: Int64Vector, other_root: Int64Vector, now_us: int
) -> tuple[Int64Vector, Int64Vector]:
    """Rows whose requests are not known yet, and those of the other draw that come instead, no more than these."""
    rows = np.arange(len(root))
    first = int(base.state.scratch.cluster[NEXT_FIXED])
    is_known = (rows < first) | (real.table["arrival_us"] <= now_us)
    free = np.flatnonzero(~is_known[root])
    donors = np.flatnonzero(other.table["arrival_us"][other_root] > now_us)
    return free, donors[: len(free)]


def _moved(table: Records, donors: Int64Vector, rows: Int64Vector) -> np.ndarray:
    """The other draw's rows, so that those who wait for each other still do in their new places."""
    place = np.full(len(table) + 1, -1)  # the last entry is that of no row
    place[donors] = rows[: len(donors)]
    moved: np.ndarray = np.array(table[donors])
    for link in ("first_follower", "next_follower"):
        moved[link] = place[moved[link]]
    return moved


def _segments(real: Draw, other: Draw, rows: Int64Vector, donors: Int64Vector) -> tuple[Int64Vector, Int64Vector]:
    """Offsets and segments of all rows, those of the other draw in their new places."""
    every = np.concatenate([real.segments, other.segments])
    lengths, starts = np.diff(real.segment_offsets), real.segment_offsets[:-1].copy()
    lengths[rows] = np.diff(other.segment_offsets)[donors]
    starts[rows] = len(real.segments) + other.segment_offsets[donors]
    offsets = csr_offsets(lengths)
    return offsets, every[np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)]
