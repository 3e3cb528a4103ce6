"""Simulates measured runs with given coefficients, and compares what a fit compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blis.calibrating.calibration import Options
from blis.calibrating.measured_run import MeasuredRun
from blis.calibrating.pairing import TPOT, TTFT, simulated_times
from blis.calibrating.replay import Replay, Seen, network_of, replay_of, seen_by_clients
from blis.cluster.deployment import Parts, build_cluster, look_up
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

#: Replays of a run whose requests come up to about a step later than they did, each by its own: their mean is smooth.
N_SHIFTED = 4


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A run that is learned from."""

    run: MeasuredRun
    replays: tuple[Replay, ...]
    compared: Compared


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
    """Differences of runs, as a function of all coefficients."""

    simulator: Simulator
    learned: tuple[Learned, ...]
    options: Options

    def times(self, values: Mapping[str, float], one: Learned) -> Times:
        """Mean simulated times of a run over its replays."""
        ttft, between = [], []
        for replay in one.replays:
            seen = self.simulator.seen(one.run, replay, values, self.options)
            if seen is None:
                return Times(np.full(len(one.run), np.nan), np.full(len(one.run), np.nan))
            ttft.append(simulated_times(one.run, seen, TTFT))
            between.append(simulated_times(one.run, seen, TPOT))
        return Times(_mean_of_logs(ttft), _mean_of_logs(between))

    def all_times(self, values: Mapping[str, float]) -> tuple[Times, ...]:
        """Of every run."""
        return tuple(self.times(values, one) for one in self.learned)

    def differences(self, values: Mapping[str, float], floor: float) -> Float64Vector:
        """Everything that is compared, of all runs; see `blis.fitting.statistics`."""
        return np.concatenate([self.of_run(values, one, floor) for one in self.learned])

    def of_run(self, values: Mapping[str, float], one: Learned, floor: float) -> Float64Vector:
        """The differences of one run, each the mean over its replays."""
        found = []
        for replay in one.replays:
            seen = self.simulator.seen(one.run, replay, values, self.options)
            if seen is None:
                return np.full(len(differences(one.compared, one.compared.times, floor)), 1e3)
            times = Times(simulated_times(one.run, seen, TTFT), simulated_times(one.run, seen, TPOT))
            found.append(differences(one.compared, times, floor))
        mean: Float64Vector = np.mean(found, axis=0)
        return mean


def learned_from(
    simulator: Simulator, run: MeasuredRun, counted: BoolVector, options: Options, n_shifted: int = N_SHIFTED
) -> Learned:
    """A run that is learned from, as far as its requests count.

    Parameters
    ----------
    simulator : Simulator
    run : MeasuredRun
    counted : (n,) bool
        Requests that are learned from; the others are simulated too, since they were served beside these.
    options : Options
    n_shifted : int ≥ 1
        Replays: the first as it was, the others with requests that come later by a random part of a step each.
    """
    of = compared(run, simulator.instances, counted)
    step_us = max(1, int(np.nanmedian(of.times.between_us))) if not np.isnan(of.times.between_us).all() else 1
    replays = []
    for number in range(n_shifted):
        shift_us = np.zeros(len(run), np.int64)
        if number:
            shift_us = stream(options.seed, "fit", "shift", number).integers(0, step_us + 1, len(run))
        replays.append(shifted(run, shift_us, simulator.block_size_tokens, options.failed))
    return Learned(run, tuple(replays), of)


def shifted(run: MeasuredRun, shift_us: Any, block_size_tokens: int, failed: str) -> Replay:
    """The requests of a run, each sent later by so much."""
    sent_us = run.sent_us + shift_us
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
