"""Gives lessons: runs a policy in the training scenarios, and makes sampled routing decisions of it otherwise.

What is simulated is counted: the run itself and its repetition whole, and of each other future every request that was
in the cluster or came while it ran. As many evaluations are counted as runs would have simulated these requests.
Lessons depend on the policy, the turn, the numbers of decisions and what may be spent, on nothing else.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from blis.engine.codes import NEVER_US
from blis.engine.features import ROUTING_FEATURES
from blis.explaining.counterfactual.alone import RoutingDecision, other_futures
from blis.explaining.counterfactual.sampling import stratified
from blis.foundation.errors import StalledError
from blis.foundation.semantics import semantics
from blis.foundation.units import US_PER_S, Float64Vector, Int64Vector
from blis.policies.callables import seen_at_routing
from blis.policies.needs import ROUTER_SIGNALS, settings_of
from blis.prepare import PreparedRun, bind_run
from blis.simulate import Simulation
from evolve.practice import Lessons
from evolve.practice.signals import features, scorers, scores
from evolve.practice.worth import Worth
from evolve.records import Cost, Phenotype
from evolve.trials.families import own_seed
from evolve.trials.suite import Suite
from evolve.trials.workloads import Prepared, WorkloadKey, Workloads, with_limits

#: Up to how long after a decision requests count that it may have delayed or sped up [s]. At 0 only those count that
#: were there already.
HORIZONS_S = (0.0, 2.0)

#: Runs that lessons come from, at least: decisions of one run resemble each other.
FEWEST_RUNS = 4


class Practice:
    """Lessons in the training scenarios of a suite.

    Parameters
    ----------
    workloads : Workloads
    weights : mapping of objective to float
        What counts, see `Worth`.
    judging_seeds : int
        How many of the role's seeds, the first ones, judge candidates; lessons use the others first.
    num_requests : int, optional
        At most so many requests of each scenario; None: as many as the suite says.
    """

    def __init__(
        self,
        workloads: Workloads,
        weights: Mapping[str, float],
        judging_seeds: int,
        num_requests: int | None = None,
    ) -> None:
        self._workloads, self._weights, self._num_requests = workloads, weights, num_requests
        seeds = workloads.suite.seeds["train"]
        self._seeds = (*seeds[judging_seeds:], *seeds[:judging_seeds])
        self._scenarios = workloads.suite.scenarios["train"]
        self._left = self._spent = Cost()

    def meet(self, suite: Suite) -> None:
        """Give lessons in the training scenarios of this suite from here on: another draw of its families."""
        self._scenarios = suite.scenarios["train"]

    def open(self, left: Cost) -> None:
        """Allow so much to be spent until `close`."""
        self._left, self._spent = left, Cost()

    def close(self) -> Cost:
        """What was spent since `open`; nothing may be spent from here on."""
        spent, self._left, self._spent = self._spent, Cost(), Cost()
        return spent

    def lessons(self, phenotype: Phenotype, decisions: int, turn: int) -> Lessons:
        """Lessons on about `decisions` decisions, equally many of each run; fewer where they cannot be afforded."""
        n_scenarios = len(self._scenarios)
        n_runs = max(n_scenarios, FEWEST_RUNS - FEWEST_RUNS % n_scenarios)
        rows = _Rows()
        for run in range(n_runs):
            place, round_ = run % n_scenarios, run // n_scenarios + turn * (n_runs // n_scenarios)
            scenario, seed = self._scenarios[place], self._seeds[round_ % len(self._seeds)]
            key = WorkloadKey(scenario.name, own_seed(scenario, seed), scenario.requests_at(self._num_requests))
            wanted = math.ceil(decisions / n_runs)
            self._practise(phenotype, key, rows, place, wanted, turn, n_runs - run)
        return rows.lessons()

    def _practise(
        self, phenotype: Phenotype, key: WorkloadKey, rows: "_Rows", place: int, wanted: int, turn: int, runs_left: int
    ) -> None:
        """Lessons in one run; a run that stalls teaches what it has taught until then."""
        prepared = self._workloads.prepared(key)
        n = len(prepared.requests)
        most = min(
            (self._left.requests - self._spent.requests) // runs_left,
            (self._left.evaluations - self._spent.evaluations) // runs_left * n,
        )
        if most < 3 * n:
            return
        simulation = Simulation(
            prepared.requests, looking(prepared, phenotype), seed=prepared.scenario.seed, record_steps=False
        )
        simulated = 2 * n
        try:
            decisions, seen = _run_and_look(simulation, stratified(n, wanted, key.seed, f"practice {turn}"))
            worth = Worth(prepared, self._weights, simulation)
            for decision, (own_scores, own_features) in zip(decisions, seen, strict=True):
                rows.add(place, decision.chosen, own_scores, own_features)
            for other in other_futures(simulation, decisions, HORIZONS_S[-1], most - 2 * n):
                decision, concerned = decisions[other.decision], other.concerned
                gained = worth.of(other.future, concerned) - worth.of(simulation, concerned)
                since_us = simulation.state.requests.arrival_us[concerned] - decision.clock_us
                for horizon, seconds in enumerate(HORIZONS_S):
                    counts = (since_us <= seconds * US_PER_S) | (concerned == decision.request)
                    rows.gained(other.decision - len(decisions), other.alternative)[horizon] = gained[counts].sum()
                simulated += other.simulated_requests
        except StalledError:
            simulated += min(n, most - simulated)
        self._spent = Cost(self._spent.evaluations + math.ceil(simulated / n), self._spent.requests + simulated)


def _run_and_look(
    simulation: Simulation, ranks: Int64Vector
) -> tuple[list[RoutingDecision], list[tuple[Float64Vector, Float64Vector]]]:
    """Run to the end; the routing decisions of these ranks, and the scores and features that they could see."""
    decisions, seen = [], []
    for rank in ranks.tolist():
        simulation.stop_at_routing(rank)
        if simulation.advance(NEVER_US):
            break
        view, request = seen_at_routing(simulation)
        decisions.append(RoutingDecision(rank, request.request, simulation.decision, simulation.clock_us))
        seen.append((scores(view, request), features(view, request)))
    simulation.run()
    return decisions, seen


def looking(prepared: Prepared, phenotype: Phenotype) -> PreparedRun:
    """The policies, bound, with every signal worked out, whether they read it or not."""
    cluster = with_limits(prepared, phenotype.limits)
    scenario = prepared.scenario
    rules = semantics(scenario.semantics)
    run = bind_run(cluster, phenotype.policies, rules, scenario.horizon_us, scenario.slo)
    own = run.prepared_policies
    settings = {**own.settings, **settings_of(ROUTER_SIGNALS), "needs_expected_output": 1, "looks": 1}
    return replace(run, prepared_policies=replace(own, settings=settings))


class _Rows:
    """Lessons in the making."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, int, Float64Vector, Float64Vector, Float64Vector]] = []

    def add(self, scenario: int, chosen: int, own_scores: Float64Vector, own_features: Float64Vector) -> None:
        """A decision of which no other choice has been tried yet."""
        gained = np.full((len(HORIZONS_S), len(own_scores)), np.nan)
        gained[:, chosen] = 0.0
        self._parts.append((scenario, chosen, own_scores, own_features, gained))

    def gained(self, decision: int, instance: int) -> Float64Vector:
        """(horizons,) what this choice of a decision was worth, to be written."""
        column: Float64Vector = self._parts[decision][4][:, instance]
        return column

    def lessons(self) -> Lessons:
        """All of them; choices that were not tried are left out."""
        sizes = [len(one[2]) for one in self._parts]
        decision = np.repeat(np.arange(len(sizes)), sizes).astype(np.int64)
        instance = np.concatenate([np.arange(size) for size in sizes]) if sizes else np.zeros(0, np.int64)
        chosen = np.array([one[1] for one in self._parts], np.int64)[decision]
        scenario = np.array([one[0] for one in self._parts], np.int64)[decision]
        advantage = np.concatenate([np.zeros((len(HORIZONS_S), 0)), *(one[4] for one in self._parts)], axis=1)
        tried = ~np.isnan(advantage[0])
        return Lessons(
            decision=decision[tried],
            scenario=scenario[tried],
            is_chosen=(instance == chosen)[tried],
            scores=_stacked([one[2] for one in self._parts], len(scorers()))[tried],
            features=_stacked([one[3] for one in self._parts], len(ROUTING_FEATURES))[tried],
            advantage=advantage[:, tried],
            scorers=scorers(),
            horizons_s=HORIZONS_S,
        )


def _stacked(parts: list[Float64Vector], width: int) -> Float64Vector:
    return np.concatenate([np.zeros((0, width)), *parts])
