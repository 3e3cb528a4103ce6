"""One fit: learn, say how sure, try on what was held out, and write down."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.calibrating.measured_run import MeasuredRun
from blis.calibrating.pairing import warm_up_of
from blis.cluster.plan import ClusterPlan
from blis.fitting.certainty import Certainty, certainty
from blis.fitting.judgement import Judgement, Part, judged
from blis.fitting.objective import Objective, Simulator, learned_from
from blis.fitting.parameters import Parameter, latency_mapping, values_of, with_values
from blis.fitting.search import Found, better_start, search
from blis.fitting.settings import FitSettings
from blis.fitting.start import guessed
from blis.foundation.errors import ConfigError
from blis.foundation.units import BoolVector
from blis.scenario import Scenario

#: Fewer requests determine nothing.
FEWEST_REQUESTS = 50
#: Differences are about 1 in units of their errors where the simulator can say what was measured: their mean square is
#: 0.3 to 1.3 in experiments/recovery, and 0.9 for a simulated server behind HTTP. Above this, there is more in them.
MOST_MEAN_SQUARE = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What was learned, and how good it is."""

    plan: ClusterPlan  #: the cluster with the learned coefficients
    parameters: tuple[Parameter, ...]
    start: dict[str, float]  #: what the cluster had
    found: Found
    certainty: Certainty
    judgement: Judgement
    parts: tuple[Part, ...]
    n_simulations: int
    is_finished: bool  #: False: interrupted; the coefficients are the best so far
    was_interrupted: bool  #: also behind the search, when all coefficients were known
    warnings: tuple[str, ...]

    def latency(self) -> dict[str, Any]:
        """The latency model as a configuration has it."""
        return latency_mapping(self.plan)

    def plain(self) -> dict[str, Any]:
        """The whole of it for JSON: the same bytes for the same files, settings and seeds."""
        return {
            "latency": self.latency(),
            "parameters": {
                one.name: {
                    "unit": one.unit,
                    "start": self.start[one.name],
                    "value": self.certainty.sure[one.name].value,
                    "low": self.certainty.sure[one.name].low,
                    "high": self.certainty.sure[one.name].high,
                }
                for one in self.parameters
            },
            "flat_directions": [
                {"names": list(one.names), "half_width": one.half_width} for one in self.certainty.flat
            ],
            "condition": self.certainty.condition,
            "errors": {
                "learned": {name: one._asdict() for name, one in self.judgement.learned.items()},
                "held_out": {name: one._asdict() for name, one in self.judgement.held_out.items()},
            },
            "runs": [
                {
                    "name": part.run.name,
                    "file": str(part.run.path),
                    "requests": len(part.run),
                    "learned": int(part.learned.sum()),
                    "held_out": int(part.held_out.sum()),
                }
                for part in self.parts
            ],
            "is_finished": self.is_finished,
            "steps": self.found.n_steps,
            "simulations": self.n_simulations,
            "mean_square_difference": self.found.loss,
            "warnings": list(self.warnings),
        }


def fit(settings: FitSettings, scenario: Scenario, tick: Callable[[], object] = lambda: None) -> Fit:
    """Learn the coefficients of a scenario's cluster from measured runs.

    Parameters
    ----------
    settings : FitSettings
    scenario : Scenario
        Its workload plays no part.
    tick : callable
        Called after each evaluation.

    Raises
    ------
    ConfigError
        If nothing of the latency model can be learned, or there is too little to learn from.
    """
    parameters = settings.parameters(scenario.cluster)
    parts = tuple(parts_of(settings))
    start = values_of(scenario.cluster)
    simulator = Simulator(scenario)
    simulator.prepared(start)  # what is wrong with the cluster is said before anything else
    trained = [part for part in parts if part.learned.any()]
    n_learned = sum(int(part.learned.sum()) for part in trained)
    if n_learned < FEWEST_REQUESTS:
        raise ConfigError(
            f"real must hold at least {FEWEST_REQUESTS} answered requests to learn from; got {n_learned}."
        )
    learned = tuple(learned_from(simulator, part.run, part.learned, settings.options) for part in trained)
    objective = Objective(simulator, learned, settings.options, settings.replays)
    found, is_finished = _searched(
        objective, parameters, _starts(scenario, start, parameters, trained, simulator), tick
    )

    def assessed() -> tuple[Certainty, Judgement]:
        sure = certainty(objective, parameters, found, settings.options.draws, settings.options.confidence)
        return sure, judged(simulator, parts, start, found.values, settings.options)

    (sure, judgement), was_interrupted = _in_the_end(assessed, is_finished)
    return Fit(
        plan=with_values(scenario.cluster, found.values),
        parameters=parameters,
        start=start,
        found=found,
        certainty=sure,
        judgement=judgement,
        parts=parts,
        n_simulations=simulator.n_runs,
        is_finished=is_finished,
        was_interrupted=was_interrupted,
        warnings=(*_doubts(parameters, found, sure, is_finished), *judgement.warnings),
    )


def _starts(
    scenario: Scenario,
    start: dict[str, float],
    parameters: tuple[Parameter, ...],
    trained: list[Part],
    simulator: Simulator,
) -> list[dict[str, float]]:
    """The cluster's own coefficients, and, for `affine`, those that are read off the times."""
    if scenario.cluster.latency != "affine":
        return [start]
    guess = guessed([part.run for part in trained], [part.learned for part in trained], simulator.instances)
    if guess is None:
        return [start]
    chosen = {one.name for one in parameters}
    return [start, {name: guess[name] if name in chosen else value for name, value in start.items()}]


def _searched(
    objective: Objective,
    parameters: tuple[Parameter, ...],
    starts: list[dict[str, float]],
    tick: Callable[[], object],
) -> tuple[Found, bool]:
    """Where the search ended, and whether by itself; who interrupts it gets the best so far.

    Raises
    ------
    KeyboardInterrupt
        If nothing was learned yet.
    """
    steps: list[Found] = []
    try:
        return search(objective, parameters, better_start(objective, starts, tick), tick, steps.append), True
    except KeyboardInterrupt:
        if not steps:
            raise
        return steps[-1], False


def _in_the_end(
    assessed: Callable[[], tuple[Certainty, Judgement]], is_finished: bool
) -> tuple[tuple[Certainty, Judgement], bool]:
    """How good what was learned is, and whether anybody interrupted the fit.

    It takes a second, and nothing that was learned is lost for the first interruption; the second one ends it.
    """
    try:
        return assessed(), not is_finished
    except KeyboardInterrupt:
        if not is_finished:
            raise
        return assessed(), True


def entry_notes(fit: Fit) -> dict[str, Any]:
    """How the coefficients were learned, for the file that holds them."""
    told = fit.plain()
    return {
        "parameters": {name: [one["low"], one["high"]] for name, one in told["parameters"].items()},
        "held_out_errors": {name: one.fitted for name, one in fit.judgement.held_out.items()},
        "runs": [{key: run[key] for key in ("name", "learned", "held_out")} for run in told["runs"]],
        "is_finished": fit.is_finished,
        "warnings": told["warnings"],
    }


def parts_of(settings: FitSettings) -> list[Part]:
    """Of each run, the requests that are learned from, and those that are held out: the last ones."""
    parts = []
    for run in settings.runs:
        usable = _usable(run, settings)
        rows = np.flatnonzero(usable)
        n_kept_back = round(settings.share * len(rows))
        held_out = np.zeros(len(run), np.bool_)
        held_out[rows[len(rows) - n_kept_back :]] = True
        parts.append(Part(run, usable & ~held_out, held_out))
    nobody = [Part(run, np.zeros(len(run), np.bool_), _usable(run, settings)) for run in settings.held_out]
    return [*parts, *nobody]


def _usable(run: MeasuredRun, settings: FitSettings) -> BoolVector:
    """Answered, with a prompt, and not of the warm-up."""
    options = settings.options
    warm_up = warm_up_of(run, options.warm_up_requests, options.warm_up_s)
    return np.asarray(run.is_ok & ~warm_up & (run.input_tokens > 0))


def _doubts(parameters: tuple[Parameter, ...], found: Found, sure: Certainty, is_finished: bool) -> list[str]:
    """What the runs do not determine, what ended on a bound, and an end before the end."""
    told = []
    if not is_finished:
        told.append(
            f"unfinished: the fit was interrupted after {found.n_steps} step{'s' if found.n_steps > 1 else ''}; these "
            "are the best coefficients so far"
        )
    elif not found.is_finished:
        told.append(f"after {found.n_steps} steps the coefficients still moved by more than the runs leave open")
    if is_finished and found.loss > MOST_MEAN_SQUARE:
        told.append(
            f"the runs contradict each other, or the latency model: differences are {found.loss:.2g} times (mean "
            "square) what the scatter of requests explains, so intervals are too narrow; compare the levels with "
            "blis.calibrate, and learn without one of them"
        )
    told += [
        f"the runs hardly determine {_together(flat.names)}: add load levels, from an idle server to one that has a "
        "queue, or learn fewer parameters"
        for flat in sure.flat
    ]
    for one in parameters:
        value = found.values[one.name]
        if value <= one.least + 1e-9 * one.scale or value >= one.most:
            told.append(f"{one.name} ended on its bound, {value:g}")
    return told


def _together(names: tuple[str, ...]) -> str:
    """Coefficients that are hardly determined, with their signs where there are several."""
    return names[0][1:] if len(names) == 1 else f"{', '.join(names)} changed together"
