"""Simulates measured runs with given coefficients, and compares what a fit compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blis.calibrating.calibration import Options
from blis.calibrating.measured_run import MeasuredRun
from blis.calibrating.pairing import TPOT, TTFT, simulated_times
from blis.calibrating.replay import Replay, Seen, network_of, replay_of, seen_by_clients
from blis.cluster.deployment import build_cluster
from blis.cluster.parts import Parts, look_up
from blis.fitting.parameters import with_values
from blis.fitting.statistics import Compared, Times, compared, differences
from blis.foundation.errors import StalledError
from blis.foundation.randomness import stream
from blis.foundation.semantics import semantics
from blis.foundation.units import BoolVector, Float64Vector
from blis.outcome import outcome
from blis.policies.prepared import PreparedPolicies, prepare_policies
from blis.prepare import PreparedRun, prepare_cluster, prepared_run
from blis.scenario import Scenario
from blis.simulate import Simulation

#: Versions of a run, of which each evaluation draws some: as it was, and with requests that come a little earlier or
#: later, each by its own. What differs between them is chance.
N_VERSIONS = 8
#: They come earlier or later by at most this share of a step, which is all that matters to a queue; and by at most so
#: many times the share by which the server's own times vary, as if it had varied by itself for a hundred steps.
_MOST_SHIFT, _SHIFT_PER_SCATTER = 0.5, 10.0
#: Versions are made anew when their shifts ought to be other ones by more than this factor.
_RENEWED = 1.5


@dataclass(slots=True, eq=False)
class Learned:
    """A run that is learned from."""

    run: MeasuredRun
    compared: Compared
    step_us: float  #: about what a step takes
    shift: float  #: of the versions, at most, in steps
    versions: tuple[Replay, ...]  #: the first is the run as it was


class Simulator:
    """A scenario's cluster with whatever coefficients; counts what it is asked."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.n_runs = 0
        self._rules = semantics(scenario.semantics)
        self._policies: PreparedPolicies = prepare_policies(scenario.policies)
        self._parts: tuple[Parts, ...] | None = None
        self._prepared: dict[tuple[float, ...], PreparedRun] = {}

    def prepared(self, values: Mapping[str, float]) -> PreparedRun:
        """The cluster with these coefficients."""
        key = tuple(values.values())
        if key not in self._prepared:
            self._prepared.clear()
            plan = with_values(self.scenario.cluster, values)
            if self._parts is None:  # what is looked up does not depend on them
                self._parts = look_up(plan)
            cluster = build_cluster(plan, semantics=self._rules, parts=self._parts)
            laid_out = prepare_cluster(cluster, self._rules, self.scenario.horizon_us, self.scenario.slo)
            self._prepared[key] = prepared_run(laid_out, self._policies)
        return self._prepared[key]

    def seen(self, run: MeasuredRun, replay: Replay, values: Mapping[str, float], options: Options) -> Seen | None:
        """What clients see; None if the simulated run makes no progress."""
        self.n_runs += 1
        simulation = Simulation(replay.requests, self.prepared(values), seed=self.scenario.seed, record_steps=False)
        try:
            simulation.run()
        except StalledError:
            return None
        network = network_of(options.rtt_ms, options.bandwidth_mbps, run)
        return seen_by_clients(run, replay, outcome(simulation), network)

    @property
    def block_size_tokens(self) -> int:
        """Of the cluster."""
        return self.scenario.cluster.block_size_tokens

    @property
    def instances(self) -> int:
        """Of the cluster."""
        return sum(pool.count for pool in self.scenario.cluster.pools)


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """What measured runs say of coefficients."""

    simulator: Simulator
    learned: tuple[Learned, ...]
    options: Options
    replays: int  #: versions of each run that an evaluation simulates

    def times(self, values: Mapping[str, float], versions: Sequence[int]) -> tuple[Times, ...] | None:
        """Mean simulated times of every run over some of its versions; None if one makes no progress."""
        found = []
        for one in self.learned:
            ttft, between = [], []
            for version in versions:
                seen = self.simulator.seen(one.run, one.versions[version], values, self.options)
                if seen is None:
                    return None
                ttft.append(simulated_times(one.run, seen, TTFT))
                between.append(simulated_times(one.run, seen, TPOT))
            found.append(Times(_mean_of_logs(ttft), _mean_of_logs(between)))
        return tuple(found)

    def drawn(self, random: np.random.Generator) -> Sequence[int]:
        """The versions of one evaluation."""
        versions: list[int] = random.choice(N_VERSIONS, self.replays, replace=False).tolist()
        return versions

    def differences(self, times: Sequence[Times], unclipped: float = 0.0) -> Float64Vector:
        """Everything that is compared, of all runs; see `blis.fitting.statistics`."""
        parts = [differences(one.compared, time, unclipped) for one, time in zip(self.learned, times, strict=True)]
        return np.concatenate(parts)


def learned_from(simulator: Simulator, run: MeasuredRun, counted: BoolVector, options: Options) -> Learned:
    """A run that is learned from, as far as its requests count.

    Parameters
    ----------
    simulator : Simulator
    run : MeasuredRun
    counted : (n,) bool
        Requests that are learned from; the others are simulated too, since they were served beside these.
    options : Options
    """
    of = compared(run, simulator.instances, counted)
    step_us = float(np.nanmedian(of.times.between_us)) if not np.isnan(of.times.between_us).all() else 0.0
    block_size_tokens = simulator.block_size_tokens
    return Learned(run, of, step_us, _MOST_SHIFT, _versions(run, _MOST_SHIFT * step_us, block_size_tokens, options))


def with_chance(objective: Objective) -> None:
    """Let the versions of all runs differ by as much as the server varies by itself.

    That is the scatter of the requests that scatter least: they met nobody, so nothing but the server made it.
    """
    scatter = min((group.scatter for one in objective.learned for group in one.compared.groups), default=1.0)
    shift = min(_MOST_SHIFT, _SHIFT_PER_SCATTER * scatter)
    for one in objective.learned:
        if max(shift, one.shift) > _RENEWED * min(shift, one.shift):
            one.shift = shift
            block_size_tokens = objective.simulator.block_size_tokens
            one.versions = _versions(one.run, shift * one.step_us, block_size_tokens, objective.options)


def _versions(run: MeasuredRun, most_us: float, block_size_tokens: int, options: Options) -> tuple[Replay, ...]:
    """A run as it was, and with requests that are shifted.

    On average as early as late: a queue is left when it would be, whenever it was entered.
    """
    versions = [shifted(run, np.zeros(len(run), np.int64), block_size_tokens, options.failed)]
    for number in range(1, N_VERSIONS):
        share = stream(options.seed, "fit", "shift", number).uniform(-1.0, 1.0, len(run))
        versions.append(shifted(run, np.rint(most_us * share).astype(np.int64), block_size_tokens, options.failed))
    return tuple(versions)


def shifted(run: MeasuredRun, shift_us: Any, block_size_tokens: int, failed: str) -> Replay:
    """The requests of a run, each sent later by so much, but none before the run begins."""
    sent_us = np.maximum(run.sent_us + shift_us, 0)
    order = np.argsort(sent_us, kind="stable")

    def taken(values: Any) -> Any:
        return values[order]

    def labels(column: Any) -> Any:
        return column._replace(indices=column.indices[order])

    part = replace(
        run,
        sent_us=sent_us[order],
        **{
            name: taken(getattr(run, name))
            for name in (
                *("due_us", "first_us", "last_us", "between_us", "input_tokens", "output_tokens", "status"),
                *("streaming", "prefix_tokens"),
            )
        },
        **{name: labels(getattr(run, name)) for name in ("slo_class", "session", "prefix_group", "model", "adapter")},
        request_id=tuple(run.request_id[row] for row in order.tolist()),
        reason=tuple(run.reason[row] for row in order.tolist()),
        chunks=None,
    )
    replay = replay_of(part, block_size_tokens, failed)
    return Replay(replay.requests, order[replay.row])


def _mean_of_logs(values: Sequence[Float64Vector]) -> Float64Vector:
    return np.asarray(np.exp(np.mean([np.log(np.maximum(one, 1e-3)) for one in values], axis=0)))
