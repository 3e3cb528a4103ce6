"""The pure function behind every search: policies and a workload in, a record out.

A record depends on the task alone, not on the process, the thread or the order in which tasks are run. Whatever goes
wrong is recorded as a failure: it is neither a bad score nor an exception.
"""

import math
import time

from blis.engine.loop import compiled_loop
from blis.explaining.explanation import trace_figures
from blis.foundation.errors import BlisError, StalledError
from blis.foundation.units import US_PER_S
from blis.outcome import outcome
from blis.prepare import prepared_run
from blis.result import Result
from blis.scenario import LATEST_US
from blis.simulate import Simulation
from evolve.objectives.cost import cost_figures
from evolve.records import Record, Task
from evolve.trials.stages import stage_of
from evolve.trials.workloads import Prepared

#: Wall clock that one simulation may take: a thousand times what it usually takes.
TIMEOUT_S = 60.0


def evaluate(task: Task, prepared: Prepared, timeout_s: float = TIMEOUT_S) -> Record:
    """Simulate what a task asks for.

    Parameters
    ----------
    task : Task
    prepared : Prepared
        The workload that the task names.
    timeout_s : float > 0
        Wall clock [s] after which the simulation is given up, looked at between stretches of simulated time. That a
        run gets on at all is watched by the engine's event budget.

    Returns
    -------
    Record
        A failure if the policies are wrong, the run stalls or times out, or a figure is not finite.
    """
    started_s = time.perf_counter()
    try:
        simulation = _simulation(task, prepared)
        made_s = time.perf_counter()
        compiled_loop(simulation.settings)  # made or loaded while the clock stands still
        started_s += time.perf_counter() - made_s
        figures = _figures(task, prepared, simulation, started_s + timeout_s)
        _check_finite(figures)
    except _TimedOutError:
        return failure(task, timeout_error(timeout_s), started_s)
    except BlisError as error:
        return failure(task, " ".join(f"{type(error).__name__}: {error}".split()), started_s)
    except Exception as error:  # noqa: BLE001
        # A candidate may break what nobody foresaw; its genome is kept with the record, to reproduce it.
        return failure(task, " ".join(f"unexpected {type(error).__name__}: {error}".split()), started_s)
    return Record(figures, len(prepared.requests), None, _since_ms(started_s))


def failure(task: Task, error: str, started_s: float | None = None) -> Record:
    """The record of a task that failed; its requests count as simulated, so that failing is not cheap."""
    return Record({}, task.num_requests, error, 0.0 if started_s is None else _since_ms(started_s))


def timeout_error(timeout_s: float) -> str:
    """Why a task failed that took too long."""
    return f"timeout: more than {timeout_s:g} s of wall clock"


class _TimedOutError(Exception):
    """The simulation took too long."""


def _simulation(task: Task, prepared: Prepared) -> Simulation:
    """The simulation before its first event."""
    stage = stage_of(prepared, task.phenotype.limits, task.needs_trace)
    policies = prepared.preparations.policies(task.phenotype)
    return Simulation.on(stage, prepared_run(stage.cluster, policies))


def _figures(task: Task, prepared: Prepared, simulation: Simulation, deadline_s: float) -> dict[str, float | None]:
    """Run the simulation; with decisions traced there are figures of anomalies and regret as well."""
    scenario = prepared.scenario
    _run(simulation, deadline_s)
    result = Result(scenario, scenario.seed, simulation, outcome(simulation), engine_s=0.0)
    traced = trace_figures(result) if task.needs_trace else {}
    figures = {**result.figures(), **traced, **cost_figures(result.cluster, result.outcome)}
    simulation.leave()  # after a failure its arrays are given up: what they hold may be anything
    return figures


def _run(simulation: Simulation, deadline_s: float) -> None:
    """Run to the end in ever longer stretches of simulated time, and look at the wall clock between them."""
    arrivals_us = simulation.requests.arrival_us
    until_us = max(int(arrivals_us[-1]), US_PER_S)
    while until_us < LATEST_US and not simulation.is_over:
        simulation.advance(until_us)
        if time.perf_counter() > deadline_s:
            raise _TimedOutError
        until_us *= 4
    simulation.run()


def _check_finite(figures: dict[str, float | None]) -> None:
    for name, value in figures.items():
        if value is not None and not math.isfinite(value):
            raise StalledError(f"figure {name} must be finite or undefined; got {value!r}.")


def _since_ms(started_s: float) -> float:
    return (time.perf_counter() - started_s) * 1e3
