"""200 decisions of the headline run, three alternatives each, tried by forks, relative to the plain run."""

from blis.engine.rollout import compiled_rollouts
from blis.explaining.counterfactual.rollout import rollouts
from blis.explaining.counterfactual.sampling import Sampling
from blis.prepare import bind_run
from blis.simulate import Simulation
from experiments.bench import (
    Measurement,
    llama_cluster,
    median_wall_s,
    peak_rss_mb,
    poisson_requests,
    simulate_once,
)

SAMPLING = Sampling(decisions=200, admissions=0, alternatives=3)


def measure() -> Measurement:
    """Time of all rollouts over time of one plain run."""
    requests, cluster = poisson_requests(10_000, 40.0), llama_cluster(4)
    finished = Simulation(requests, bind_run(cluster), trace="summary").run()
    compiled_rollouts(finished.settings)
    plain_s = median_wall_s(lambda: simulate_once(requests, cluster), repeats=15)
    tried_s = median_wall_s(lambda: rollouts(finished, SAMPLING, 1))
    n = SAMPLING.decisions * SAMPLING.alternatives
    note = f"{n} rollouts, {SAMPLING.horizon_s:g} s beyond the request"
    return Measurement("rollout", tried_s, n / tried_s, peak_rss_mb(), "ratio ≤ 20", tried_s / plain_s, note)
