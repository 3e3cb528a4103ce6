"""Evaluations on all cores by threads, relative to one core: kernels release the interpreter's lock."""

import os
from concurrent.futures import ThreadPoolExecutor

from experiments.bench import Measurement, llama_cluster, median_wall_s, peak_rss_mb, poisson_requests, simulate_once

EVALUATIONS = 40


def measure() -> Measurement:
    """Parallel efficiency: speed-up over the number of cores."""
    requests, cluster = poisson_requests(10_000, 40.0), llama_cluster(4)
    cores = os.cpu_count() or 1

    def evaluate(_: int) -> None:
        simulate_once(requests, cluster)

    serial_s = median_wall_s(lambda: [evaluate(number) for number in range(EVALUATIONS)], repeats=3)
    with ThreadPoolExecutor(cores) as pool:
        parallel_s = median_wall_s(lambda: list(pool.map(evaluate, range(EVALUATIONS))), repeats=3)
    efficiency = serial_s / parallel_s / cores
    rate = EVALUATIONS * len(requests) / parallel_s
    return Measurement("threads", parallel_s, rate, peak_rss_mb(), "ratio ≥ 0.85", efficiency, f"{cores} cores")
