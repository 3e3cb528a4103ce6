"""One calibration: measured runs, their replays, and every figure of the comparison, for people and for JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from blis.calibrating.bands import THRESHOLDS, band, is_steady
from blis.calibrating.comparison import Comparison, compare
from blis.calibrating.measured_run import UNKNOWN, MeasuredRun
from blis.calibrating.pairing import METRICS, Metric, Paired, Pairs, paired, warm_up_of
from blis.calibrating.replay import Seen, network_of, replay_of, seen_by_clients
from blis.calibrating.resampling import Intervals, intervals
from blis.calibrating.throughput import Throughput, throughput
from blis.calibrating.token_gaps import GapFigures, TokenGaps, gap_figures, token_gaps
from blis.foundation.randomness import stream
from blis.foundation.units import US_PER_MS, Float64Vector
from blis.outcome import outcome
from blis.prepare import PreparedRun, prepare
from blis.scenario import Scenario
from blis.simulate import Simulation

TOGETHER = "all together"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How runs are compared."""

    warm_up_requests: int | None = None  #: None: as the run itself says, unless seconds are given
    warm_up_s: float | None = None
    rtt_ms: float | None = None  #: None: as the run itself says
    bandwidth_mbps: float | None = None  #: None: no limit
    failed: str = "drop"  #: one of blis.calibrating.replay.FAILED
    draws: int = 400  #: of the bootstrap; 0: no intervals
    confidence: float = 0.95
    seed: int = 42  #: of the bootstrap's draws; the replays have the scenario's


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One metric of some requests."""

    metric: Metric
    comparison: Comparison | None
    intervals: Intervals
    band: str
    left_out: Mapping[str, int]

    def plain(self) -> dict[str, Any]:
        """The figures for JSON, times in milliseconds."""
        found = self.comparison
        if found is None:
            return {"n": 0, "band": self.band, "left_out": dict(self.left_out)}
        ends = self.intervals
        return {
            "n": found.n,
            "band": self.band,
            "measured_mean_ms": found.measured_mean / US_PER_MS,
            "simulated_mean_ms": found.simulated_mean / US_PER_MS,
            "mape": found.mape,
            "mape_interval": ends.mape,
            "bias": found.bias,
            "bias_interval": ends.bias,
            "direction": found.direction,
            "pearson": found.pearson,
            "pearson_interval": ends.pearson,
            "pearson_counts": not is_steady(found),
            "ks_distance": found.ks_distance,
            "measured_variation": found.measured_variation,
            "n_zero": found.n_zero,
            "percentiles": {
                f"p{percent}": {
                    "measured_ms": one.measured / US_PER_MS,
                    "simulated_ms": one.simulated / US_PER_MS,
                    "error": one.error,
                    "error_interval": ends.percentile_errors[percent],
                }
                for percent, one in found.percentiles.items()
            },
            "left_out": dict(self.left_out),
        }


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedRun:
    """One measured run beside its replay."""

    run: MeasuredRun
    seen: Seen
    paired: Paired
    metrics: tuple[Judged, ...]
    classes: Mapping[str, tuple[Judged, ...]]  #: by SLO class, where there are several
    throughput: Throughput
    gaps: TokenGaps | None  #: where the run's chunks were recorded
    network: Any
    notes: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """The whole of it for JSON."""
        run = self.run
        return {
            "name": run.name,
            "file": str(run.path),
            "format": run.form,
            "rows": run.n_rows,
            "rows_left_out": dict(run.left_out),
            "requests": len(run),
            "compared": int(self.paired.counted.sum()),
            "excluded": dict(self.paired.excluded),
            "network": {"rtt_ms": self.network.rtt_us / US_PER_MS, "bandwidth_mbps": self.network.bandwidth_mbps},
            "sent_late_ms": _lateness(run),
            "throughput": asdict(self.throughput),
            "metrics": {one.metric.name: one.plain() for one in self.metrics},
            "itl": itl_plain([self]),
            "classes": {name: {one.metric.name: one.plain() for one in of} for name, of in self.classes.items()},
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """All measured runs beside their replays."""

    runs: tuple[CalibratedRun, ...]
    together: tuple[Judged, ...]  #: of all pairs of all runs
    options: Options

    def plain(self) -> dict[str, Any]:
        """The whole of it for JSON: the same bytes for the same files, settings and seeds."""
        return {
            "together": {one.metric.name: one.plain() for one in self.together},
            "itl": itl_plain(self.runs),
            "runs": [one.plain() for one in self.runs],
            "confidence": self.options.confidence,
            "bootstrap_draws": self.options.draws,
            "bands": [{"band": name, "mape_below": a, "pearson_above": b} for name, a, b in THRESHOLDS],
        }


def itl_of(runs: Sequence[CalibratedRun]) -> GapFigures | None:
    """Times between tokens of those runs whose chunks were recorded; None of none."""
    return gap_figures([one.gaps for one in runs if one.gaps is not None])


def itl_plain(runs: Sequence[CalibratedRun]) -> dict[str, Any] | None:
    """The same for JSON."""
    found = itl_of(runs)
    return None if found is None else found.plain()


def calibrate(
    runs: Sequence[MeasuredRun],
    scenario: Scenario,
    options: Options,
    done: Callable[[], object] = lambda: None,
) -> Calibration:
    """Replay measured runs in a scenario's cluster, each by itself, and compare.

    Parameters
    ----------
    runs : sequence of MeasuredRun
        At least one: load levels of one server.
    scenario : Scenario
        Its workload plays no part.
    options : Options
    done : callable
        Called after each run.

    Raises
    ------
    ConfigError
        If the cluster cannot be built, or a run has nothing to compare.
    """
    prepared = prepare(scenario)
    found = []
    for run in runs:
        found.append(_one(run, prepared, scenario.seed, options))
        done()
    return Calibration(tuple(found), _together(found, options), options)


def replayed(run: MeasuredRun, prepared: PreparedRun, seed: int, options: Options) -> Seen:
    """What clients of the simulated cluster see of a measured run's requests."""
    block_size_tokens = prepared.cluster.block_size_tokens
    replay = replay_of(run, block_size_tokens, options.failed)
    simulation = Simulation(replay.requests, prepared, seed=seed, record_steps=run.chunks is not None).run()
    network = network_of(options.rtt_ms, options.bandwidth_mbps, run)
    return seen_by_clients(run, replay, outcome(simulation), network)


def _one(run: MeasuredRun, prepared: PreparedRun, seed: int, options: Options) -> CalibratedRun:
    seen = replayed(run, prepared, seed, options)
    pairs = paired(run, seen, warm_up_of(run, options.warm_up_requests, options.warm_up_s))
    return CalibratedRun(
        run=run,
        seen=seen,
        paired=pairs,
        metrics=tuple(_judged(one, options, run.name) for one in pairs.pairs),
        classes=_by_class(run, pairs, options),
        throughput=throughput(run, seen, pairs.counted),
        gaps=token_gaps(run, seen),
        network=network_of(options.rtt_ms, options.bandwidth_mbps, run),
        notes=(*run.notes, *_notes(run, pairs)),
    )


def _judged(pairs: Pairs, options: Options, *names: str) -> Judged:
    random = stream(options.seed, "calibrate", pairs.metric.name, *names)
    compared = compare(pairs.measured_us, pairs.simulated_us)
    ends = intervals(pairs.measured_us, pairs.simulated_us, options.draws, options.confidence, random)
    return Judged(pairs.metric, compared, ends, band(compared), pairs.left_out)


def _by_class(run: MeasuredRun, found: Paired, options: Options) -> dict[str, tuple[Judged, ...]]:
    """The metrics of each SLO class; nothing where all requests are of one."""
    used = np.unique(run.slo_class.indices[found.counted])
    if len(used) < 2:
        return {}
    classes = {}
    for index in used.tolist():
        name = run.slo_class.names[index] if index >= 0 else ""
        judged = []
        for pairs in found.pairs:
            own = run.slo_class.indices[pairs.row] == index
            part = Pairs(pairs.metric, pairs.row[own], pairs.measured_us[own], pairs.simulated_us[own], {})
            judged.append(_judged(part, options, run.name, "class", name))
        classes[name or "(unnamed)"] = tuple(judged)
    return classes


def _together(found: Sequence[CalibratedRun], options: Options) -> tuple[Judged, ...]:
    if len(found) == 1:
        return found[0].metrics
    judged = []
    for place, metric in enumerate(METRICS):
        parts = [one.paired.pairs[place] for one in found]
        left_out: dict[str, int] = {}
        for part in parts:
            for reason, n in part.left_out.items():
                left_out[reason] = left_out.get(reason, 0) + n
        whole = Pairs(
            metric,
            np.concatenate([part.row for part in parts]),
            np.concatenate([part.measured_us for part in parts]),
            np.concatenate([part.simulated_us for part in parts]),
            left_out,
        )
        judged.append(_judged(whole, options, TOGETHER))
    return tuple(judged)


def _lateness(run: MeasuredRun) -> dict[str, float] | None:
    """How late the client sent [ms]; None where nobody says when it should have."""
    known = run.due_us != UNKNOWN
    if not known.any():
        return None
    late_ms: Float64Vector = (run.sent_us[known] - run.due_us[known]) / US_PER_MS
    return {"p50": float(np.percentile(late_ms, 50)), "p99": float(np.percentile(late_ms, 99))}


def _notes(run: MeasuredRun, found: Paired) -> list[str]:
    """What a reader of the figures should know."""
    notes = []
    failed = int((~run.is_ok).sum())
    if failed:
        notes.append(f"{failed} of {len(run)} requests failed; what they cost the server is not in the replay")
    if (run.session.indices >= 0).any():
        notes.append("sessions are replayed at the times at which their requests were sent, not as a closed loop")
    for reason, n in run.left_out.items():
        notes.append(f"{n} of {run.n_rows} rows are left out: {reason}")
    lost = found.excluded.get("not completed in the simulation", 0)
    if lost:
        notes.append(f"{lost} requests that the server answered were not completed in the simulation")
    return notes
