"""Rollout regret: sampled decisions are made otherwise, and the futures compared; all cores work on it."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from blis.engine import codes
from blis.engine.growth import grown, with_room_of
from blis.engine.loop import loop_address
from blis.engine.records import Records
from blis.engine.rollout import (
    ADMISSION_DECISION,
    IS_BRANCH,
    IS_CANCELLED,
    N_ROLLOUTS,
    NEEDS_ROOM,
    ROUTING_DECISION,
    compiled_rollouts,
    new_cursor,
    new_plan,
    new_rollouts,
)
from blis.explaining.counterfactual.sampling import Sampling, stratified
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S
from blis.result import Result
from blis.simulate import Simulation


def with_rollouts(result: Result, sampling: Sampling) -> Result:
    """The result of a traced run with sampled decisions tried otherwise; its seed chooses them."""
    return replace(result, rollouts=rollouts(result.simulation, sampling, result.seed))


def rollouts(finished: Simulation, sampling: Sampling, seed: int) -> Records:
    """Try sampled decisions of a finished run otherwise.

    Parameters
    ----------
    finished : Simulation
        The run that really happened, with a trace.
    sampling : Sampling
    seed : int ≥ 0
        Chooses the decisions.

    Returns
    -------
    Records
        One row per alternative, in the order of time; see `_ROLLOUT_FIELDS` of `blis.engine.rollout`.

    Raises
    ------
    ConfigError
        If the finished run has no trace.
    """
    return try_plan(finished, planned(finished, sampling, seed), sampling)


def planned(finished: Simulation, sampling: Sampling, seed: int) -> Records:
    """The sampled decisions of a finished run, in the order of time."""
    trace = finished.state.trace
    if finished.settings.trace_level == codes.NO_TRACE:
        raise ConfigError("counterfactual: the run must have been traced; set trace to summary or decisions.")
    cluster = finished.state.scratch.cluster
    n_admissions = int(cluster[codes.N_ADMITTED] + cluster[codes.N_REJECTED] + cluster[codes.N_TURNED_AWAY])
    routed = stratified(finished.n_routed, sampling.decisions, seed, "routing")
    if len(finished.prepared.cluster.instances) == 1:
        routed = routed[:0]
    admitted = stratified(n_admissions, sampling.admissions, seed, "admission")
    if finished.settings.retry_attempts > 0:  # of those that came again only the first decision can be gone back to
        first = np.unique(trace.admissions.request, return_index=True)[1]
        admitted = admitted[np.isin(admitted, first)]
    if finished.settings.has_gateway:
        # Which of an admission and a routing of one moment came first is not recorded: admissions give way.
        at_once = np.isin(trace.admissions.clock_us[admitted], trace.routings.clock_us[routed])
        admitted = admitted[~at_once]
    kinds = np.concatenate([np.full(len(admitted), ADMISSION_DECISION), np.full(len(routed), ROUTING_DECISION)])
    places = np.concatenate([trace.admissions.request[admitted], routed])
    clocks_us = np.concatenate([trace.admissions.clock_us[admitted], trace.routings.clock_us[routed]])
    order = np.lexsort((places, 1 - kinds, clocks_us))  # at one time admissions come first
    return new_plan(kinds[order], places[order])


def try_plan(finished: Simulation, plan: Records, sampling: Sampling) -> Records:
    """Try the planned decisions, in equal parts on all cores; the result does not depend on their number."""
    if not len(plan):
        return new_rollouts(0)
    loop_address(finished.settings), compiled_rollouts(finished.settings)  # before there are threads
    parts = np.array_split(np.arange(len(plan)), min(os.cpu_count() or 1, len(plan)))

    cursors = [new_cursor() for _ in parts]

    def work(part: Any, cursor: Any) -> Records:
        base = Simulation(
            finished.requests, finished.prepared, seed=finished.seed, record_steps=False, record_routing=True
        )
        return _try_part(base, finished, plan[part], sampling, cursor)

    with ThreadPoolExecutor(len(parts)) as pool:
        try:
            done = list(pool.map(work, parts, cursors))
        except BaseException:  # an interrupt, or a part that failed: the others need not end
            for cursor in cursors:
                cursor[IS_CANCELLED] = 1
            raise
    return np.concatenate(done).view(np.recarray)


def _try_part(base: Simulation, finished: Simulation, plan: Records, sampling: Sampling, cursor: Any) -> Records:
    kernel, prepared = compiled_rollouts(base.settings), base.prepared
    most = min(sampling.alternatives, max(1, len(prepared.cluster.instances) - 1))
    found, alternatives = new_rollouts(len(plan) * most), np.zeros(most, np.int64)
    branch = base.fork()
    while True:
        try:
            status = kernel(
                base.workload, base.settings, prepared.limits, prepared.answers, prepared.parameters, base.memory,
                prepared.coefficients, base.state, branch.memory, branch.state, finished.state.requests, plan, found,
                alternatives, cursor, round(sampling.horizon_s * US_PER_S), loop_address(base.settings),
            )  # fmt: skip
        except Exception as error:
            base.blame(error)
            raise
        if status == codes.DONE:
            return found[: cursor[N_ROLLOUTS]]
        if status == NEEDS_ROOM:
            base.state = with_room_of(base.state, branch.state)
            branch.state = with_room_of(branch.state, base.state)
            continue
        stopped = branch if cursor[IS_BRANCH] else base
        if status == codes.GROW:
            stopped.state = grown(stopped.state)
        else:
            stopped.decide(status)
