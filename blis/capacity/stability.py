"""The highest arrival rate that a cluster can carry, found by simulation and bisection.

A queue is stable at every rate below some capacity; above it, what is in the system grows for ever, by the excess of
arrivals over completions (R. M. Loynes, "The stability of a queue with non-independent inter-arrival and service
times", 1962). So a rate is carried if completions keep up with arrivals while requests keep arriving. Capacity cannot
be read off the length of one step: a batch shares its steps, and how far it fills depends on lengths, memory, prefixes
and routing.

Where sessions wait for their answers, a request counts as arriving when it would have come after answers of estimated
length: a cluster that answers late gets the next rounds late, and would else seem to keep up for ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from blis.engine.codes import COMPLETED
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S, BoolVector, Int64Vector
from blis.metrics.percentiles import figures_ms
from blis.metrics.served import served_requests
from blis.result import Result, simulate
from blis.scenario import Scenario
from blis.scenario_file import ScenarioFile

#: A router that knows nothing of prefixes and sizes; the other questions have their defaults.
REFERENCE_POLICIES = {"routing": "least-loaded"}
#: Share of the arrivals that only fill the system and are not looked at.
WARM_UP = 0.25
#: Completions per arrival that count as keeping up: what is in a stable system fluctuates.
KEEPS_UP = 0.98
#: Arrival rate [requests/s] of the run from which the search starts: all at once.
FLOOD_RATE = 1e6
#: A cluster that is overloaded by this factor should complete what it can carry, to this relative difference.
OVERLOAD, PLATEAU = 1.5, 0.05
#: By this factor the bracket around the answer is widened, at most so often.
WIDER, MOST_WIDENINGS = 1.5, 30


class Flow(NamedTuple):
    """What came and went between the end of the warm-up and the last arrival."""

    arrived: int
    completed: int
    completed_in_time: int  #: within the targets of their class
    ttft_us: Int64Vector  #: of those that arrived


@dataclass(frozen=True, slots=True)
class Probe:
    """What happened at one arrival rate, over all seeds."""

    rate: float  #: [requests/s]
    share: float  #: completions per arrival
    share_in_time: float  #: completions within their targets per arrival
    ttft_p50_ms: float | None
    ttft_p99_ms: float | None

    @property
    def keeps_up(self) -> bool:
        """Whether the cluster carries this rate."""
        return self.share >= KEEPS_UP

    @property
    def throughput(self) -> float:
        """Completions per second, had exactly `rate` arrivals per second come; a short run has a few more or less."""
        return self.rate * self.share

    @property
    def goodput(self) -> float:
        """The same of completions within their targets."""
        return self.rate * self.share_in_time


def probe(
    scenario: ScenarioFile, rate: float, num_requests: int, seeds: Sequence[int], physics: str | None = None
) -> Probe:
    """Run a scenario at an arrival rate [requests/s] with each seed, under its own physics or another.

    Raises
    ------
    ConfigError
        If the requests are too few to tell, or the scenario cannot be built.
    """
    flows = [_flow(_run(scenario, rate, num_requests, seed, physics)) for seed in seeds]
    n_arrived = sum(flow.arrived for flow in flows)
    ttft = figures_ms("ttft", np.concatenate([flow.ttft_us for flow in flows]))
    return Probe(
        rate=rate,
        share=sum(flow.completed for flow in flows) / n_arrived,
        share_in_time=sum(flow.completed_in_time for flow in flows) / n_arrived,
        ttft_p50_ms=ttft["ttft_p50_ms"],
        ttft_p99_ms=ttft["ttft_p99_ms"],
    )


def saturation_rate(probe_at: Callable[[float], Probe], start: float, precision: float) -> float:
    """The highest rate that keeps up, by bisection in the logarithm.

    Parameters
    ----------
    probe_at : callable
        Rate [requests/s] to `Probe`.
    start : float > 0 [requests/s]
        A guess; the bracket grows from there until it holds the answer.
    precision : float > 0
        Relative width of the last bracket.

    Returns
    -------
    float [requests/s]
        Throughput at the lower end of the last bracket, at most that rate: a cluster that just falls behind completes
        at its capacity, so the tolerance of `KEEPS_UP` does not add to the result.

    Raises
    ------
    ConfigError
        If no rate keeps up, or every rate does.
    """
    carried, refused = start / WIDER, start * WIDER
    for _ in range(MOST_WIDENINGS):
        if probe_at(carried).keeps_up:
            break
        carried, refused = carried / WIDER, carried
    else:
        raise ConfigError(f"the cluster must carry some arrival rate; it does not even carry {carried:.3g} requests/s.")
    for _ in range(MOST_WIDENINGS):
        if not probe_at(refused).keeps_up:
            break
        carried, refused = refused, refused * WIDER
    else:
        raise ConfigError(f"num_requests must be enough to fill the cluster; it even carries {carried:.3g} requests/s.")
    while refused > carried * (1.0 + precision):
        middle = float(np.sqrt(carried * refused))
        if probe_at(middle).keeps_up:
            carried = middle
        else:
            refused = middle
    return min(carried, probe_at(carried).throughput)


def doubts(rate: float, overloaded: Probe) -> tuple[str, ...]:
    """What speaks against a saturation rate [requests/s]: an overloaded queue should complete just as much."""
    ratio = overloaded.throughput / rate
    if ratio > 1.0 + PLATEAU:
        return (
            f"under overload {ratio:.2f} times as much is completed: the runs are too short to fill the cluster, the "
            "log is not stationary, or sessions that wait for answers do not come to their longest prompts",
        )
    if ratio < 1.0 - PLATEAU:
        return (f"under overload only {ratio:.2f} times as much is completed: the backlog itself costs capacity",)
    return ()


def flood_throughput(scenario: ScenarioFile, num_requests: int, seed: int, physics: str | None = None) -> float:
    """Completions per second of requests that arrive all at once: a guess at the capacity.

    From the middle half of the completions, while the system neither fills nor runs dry. No more than a guess: a flood
    leaves less room for cached prefixes than traffic that the cluster can carry, and old signals send it to one place.
    """
    _, finish_us, _ = _served(_run(scenario, FLOOD_RATE, num_requests, seed, physics))
    finish_us = np.sort(finish_us)
    first, last = len(finish_us) // 4, 3 * len(finish_us) // 4
    if last == first or finish_us[last] == finish_us[first]:
        raise _too_few(len(finish_us))
    return float((last - first) * US_PER_S / (finish_us[last] - finish_us[first]))


def _run(scenario: ScenarioFile, rate: float, num_requests: int, seed: int, physics: str | None) -> Result:
    """One run to its end: a horizon would hide the backlog."""
    mapping = scenario.mapping_at_rate(rate, num_requests, physics)
    mapping.pop("horizon_us", None)
    return simulate(Scenario.from_mapping({**mapping, "policies": REFERENCE_POLICIES, "seed": seed}))


def _flow(result: Result) -> Flow:
    """Arrivals and completions while requests kept arriving.

    What completes later is left out on purpose: every finite backlog is served in the end. A request that no instance
    can ever hold counts on neither side.
    """
    arrival_us, finish_us, served = _served(result)
    warm_us, end_us = (arrival_us[int(WARM_UP * len(arrival_us))], arrival_us[-1]) if len(arrival_us) else (0, 0)
    if warm_us == end_us:
        raise _too_few(len(arrival_us))
    arrived = (arrival_us > warm_us) & (arrival_us <= end_us)
    completed = (finish_us > warm_us) & (finish_us <= end_us)
    rows = served_requests(result.requests, result.outcome, result.scenario.slo)
    ttft_us = rows.ttft_us[served][arrived]
    return Flow(
        arrived=int(arrived.sum()),
        completed=int(completed.sum()),
        completed_in_time=int((completed & rows.meets_slo[served]).sum()),
        ttft_us=ttft_us[ttft_us >= 0],  # a request without output has none
    )


def _served(result: Result) -> tuple[Int64Vector, Int64Vector, BoolVector]:
    """Planned arrivals [µs] and completions [µs] of the requests that were served, and which these are."""
    rows = result.outcome.requests
    served = rows.status == COMPLETED
    return result.requests.arrival_us[served], rows.arrival_us[served] + rows.e2e_us[served], served


def _too_few(n: int) -> ConfigError:
    return ConfigError(f"num_requests must be enough for the cluster to reach a steady state; got {n} served requests.")
