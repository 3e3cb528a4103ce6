"""What a rollout costs with queues of 2,000, where a request waits for half of the run, in plain runs."""

from dataclasses import replace
from functools import partial

from blis.engine.rollout import compiled_rollouts
from blis.explaining.counterfactual.rollout import rollouts
from blis.explaining.counterfactual.sampling import Sampling
from blis.prepare import bind_run
from blis.simulate import Simulation
from experiments.bench import Measurement, llama_cluster, median_walls_s, peak_rss_mb, poisson_requests, simulate_once

SAMPLING = Sampling(decisions=40, admissions=0, alternatives=3)


def measure() -> Measurement:
    """Time of one rollout, of many on all cores, over that of the plain run."""
    requests, cluster = poisson_requests(10_000, 1_000.0), llama_cluster(4)
    prepared = bind_run(cluster)
    policies = prepared.prepared_policies
    everywhere = replace(policies, settings={**policies.settings, "effects_are_local": False})
    whole = replace(prepared, prepared_policies=everywhere)
    local, all_run = (Simulation(requests, one, trace="summary").run() for one in (prepared, whole))
    compiled_rollouts(local.settings)
    plain_s, local_s, all_s = median_walls_s(
        [
            partial(simulate_once, requests, cluster),
            partial(rollouts, local, SAMPLING, 1),
            partial(rollouts, all_run, SAMPLING, 1),
        ],
        repeats=3,
    )
    n = SAMPLING.decisions * SAMPLING.alternatives
    note = f"one rollout / plain run, as fast as all cores go; {all_s / n / plain_s:.2f} where all instances are run"
    return Measurement("rollout_overload", local_s, n / local_s, peak_rss_mb(), "no bound", local_s / n / plain_s, note)
