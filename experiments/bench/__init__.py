"""How fast is it?

Each file answers with `measure() -> Measurement` for one row of the performance budget; the file's name is the row's.
Every number is of the present machine and warm, the median of `REPEATS` runs; rows that compare are ratios of two runs
in one process, because machines are noisy.

To add a row: one new file with `measure`.
"""

import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.kinds import distribution
from blis.workload.requests import Requests

REPEATS = 5

#: Llama-3.1-8B on H100 at TP 2: the row of the shipped coefficient table.
ALPHA_US = (1601.350510688092, 3.512476196805965, 1805.5430360826988)
BETA_US = (6910.420479880494, 17.67057489844186, 2.8377471109943855)
KV_BLOCKS = 132_139
BLOCK_SIZE_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row."""

    name: str
    wall_s: float
    requests_per_s: float
    peak_rss_mb: float
    must: str  #: the budget's bound, in words
    ratio: float | None = None
    note: str = ""
    times_s: Mapping[str, float] | None = None  #: further times of the row, by what they are of [s]

    def to_mapping(self) -> dict[str, Any]:
        """The row as JSON holds it."""
        return {key: value for key, value in asdict(self).items() if value is not None and value != ""}


def llama_cluster(n_instances: int, **limits: Any) -> Cluster:
    """Instances of Llama-3.1-8B on H100 at TP 2."""
    latency = affine.prepare(affine.Params(alpha_us=ALPHA_US, beta_us=BETA_US), None, None, 2)
    instance = Instance(
        kv_blocks=limits.pop("kv_blocks", KV_BLOCKS), max_running_requests=256, step_token_budget=2048, latency=latency
    )
    return Cluster((instance,) * n_instances, "affine", BLOCK_SIZE_TOKENS, **limits)


def poisson_requests(num_requests: int, rate: float, **changes: Any) -> Requests:
    """Requests of 512 prompt and 512 output tokens in the mean, clamped normal, Poisson arrivals [requests/s]."""
    params = distribution.Params.from_mapping("workload", {"num_requests": num_requests, "rate": rate, **changes})
    return distribution.generate(params, 42, BLOCK_SIZE_TOKENS)


def median_wall_s(run: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median time of `run`, after one run that is not counted."""
    (wall_s,) = median_walls_s([run], repeats)
    return wall_s


def median_walls_s(runs: Sequence[Callable[[], object]], repeats: int = REPEATS) -> list[float]:
    """Median time of each of `runs`, taken in turn, so that a noisy minute is shared by what is compared."""
    for run in runs:
        run()
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(repeats):
        for run, own in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            own.append(time.perf_counter() - start)
    return [statistics.median(own) for own in times]


def simulate_once(requests: Requests, cluster: Cluster, policies: dict[str, Any] | None = None) -> Simulation:
    """One evaluation as a search pays for it: a new simulation, run to its end."""
    return Simulation(requests, bind_run(cluster, policies)).run()


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
