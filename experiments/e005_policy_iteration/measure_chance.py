"""How much of what a routing decision does to others is chance?

`python -m experiments.e005_policy_iteration.measure_chance [scenario ...]` tries every alternative of sampled decisions
of llm-d 3:2:2 twice: with a router that reacts to it, and with all other decisions kept. Printed are, by horizon, the
standard deviation of the advantage, and how it goes with two signals of the instance, relative to the chosen one's, as
rank correlations: the prompt tokens that it would have to compute, and the requests in flight there.
"""

import sys

import numpy as np

from blis.engine.codes import NEVER_US
from blis.engine.features import ROUTING_FEATURES
from blis.explaining.counterfactual.alone import OtherFuture, RoutingDecision, other_futures
from blis.explaining.counterfactual.sampling import stratified
from blis.foundation.units import US_PER_S
from blis.policies.callables import seen_at_routing
from blis.scenario_file import read_scenario
from blis.simulate import Simulation
from evolve.practice.practice import looking
from evolve.practice.signals import features
from evolve.practice.worth import BY_REQUEST, Worth
from evolve.records import Phenotype
from evolve.trials.workloads import prepare

DECISIONS, HORIZONS_S, LONGEST_US = 150, (0.0, 0.5, 2.0, 8.0), 60 * US_PER_S
SCORERS = {"prefix-affinity": 3.0, "queue-depth": 2.0, "kv-utilization": 2.0}


def main() -> None:
    """Print one line per scenario, horizon and kind of future."""
    for name in sys.argv[1:] or ["load-spikes", "agentic", "prefix-heavy", "mooncake-conversation"]:
        file = read_scenario(name)
        prepared = prepare({**file.mapping(file.load, file.num_requests, None), "seed": 401})
        phenotype = Phenotype({"routing": {"policy": "weighted", "scorers": SCORERS}})
        run = Simulation(prepared.requests, looking(prepared, phenotype), seed=401, record_steps=False)
        decisions, seen, forks = [], [], []
        for rank in stratified(len(prepared.requests), DECISIONS, 401, "chance").tolist():
            run.stop_at_routing(rank)
            run.advance(NEVER_US)
            view, request = seen_at_routing(run)
            decisions.append(RoutingDecision(rank, request.request, run.decision, run.clock_us))
            seen.append(features(view, request))
            forks.append(run.fork())
        run.run()
        worth = Worth(prepared, BY_REQUEST, run)
        kept = list(other_futures(run, decisions, HORIZONS_S[-1], NEVER_US))
        reacting = [_reacting(run, decisions[one.decision], one, forks[one.decision]) for one in kept]
        columns = [ROUTING_FEATURES.index("uncached_tokens"), ROUTING_FEATURES.index("in_flight_requests")]
        differences = np.array(
            [seen[one.decision][one.alternative] - seen[one.decision][decisions[one.decision].chosen] for one in kept]
        )[:, columns]
        for seconds in HORIZONS_S:
            for kind, futures in (("kept", kept), ("react", reacting)):
                gained = np.array([_advantage(run, decisions[one.decision], one, worth, seconds) for one in futures])
                ranks = [_rank_correlation(column, gained) for column in differences.T]
                print(f"{name:22s} {seconds:4.1f} s {kind:6s} {gained.std():8.3f} {ranks[0]:+.2f} {ranks[1]:+.2f}")


def _reacting(run: Simulation, decision: RoutingDecision, other: OtherFuture, fork: Simulation) -> OtherFuture:
    """The same choice with a router that reacts to it; all requests of the time are concerned."""
    future = fork.fork()
    future.decision = other.alternative
    future.advance(decision.clock_us + LONGEST_US)
    facts = run.state.requests
    until_us = decision.clock_us + round(HORIZONS_S[-1] * US_PER_S)
    concerned = np.flatnonzero((facts.finished_us > decision.clock_us) & (facts.arrival_us <= until_us))
    return other._replace(concerned=concerned, future=future)


def _advantage(run: Simulation, decision: RoutingDecision, other: OtherFuture, worth: Worth, seconds: float) -> float:
    since_us = run.state.requests.arrival_us[other.concerned] - decision.clock_us
    rows = other.concerned[(since_us <= seconds * US_PER_S) | (other.concerned == decision.request)]
    return float((worth.of(other.future, rows) - worth.of(run, rows)).sum())


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)


if __name__ == "__main__":
    main()
