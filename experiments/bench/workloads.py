"""Drawing 100,000 requests of a specification with sessions, prefixes and bursts; the ratio is to simulating them."""

from blis.workload.kinds import spec
from blis.workload.requests import Requests
from experiments.bench import BLOCK_SIZE_TOKENS, Measurement, llama_cluster, median_wall_s, peak_rss_mb, simulate_once

REQUESTS = 100_000
LENGTHS = {"type": "pareto_lognormal", "params": {"alpha": 2.0, "xm": 64, "mu": 5.0, "sigma": 0.8, "mix_weight": 0.2}}
CHAT = {
    "id": "chat",
    "tenant_id": "front",
    "slo_class": "interactive",
    "rate_fraction": 0.6,
    "arrival": {"process": "poisson"},
    "input_distribution": LENGTHS,
    "output_distribution": {"type": "exponential", "params": {"mean": 128}},
    "prefix_group": "system",
    "prefix_length": 512,
    "reasoning": {"multi_turn": {"max_rounds": 4, "think_time_us": 5_000_000, "context_growth": "accumulate"}},
}
BATCH = {
    "id": "batch",
    "tenant_id": "back",
    "slo_class": "batch",
    "rate_fraction": 0.4,
    "arrival": {"process": "gamma", "cv": 3.5},
    "input_distribution": LENGTHS,
    "output_distribution": {"type": "exponential", "params": {"mean": 256}},
}


def measure() -> Measurement:
    """Time of drawing."""
    requests, cluster = _draw(), llama_cluster(8)
    draw_s = median_wall_s(_draw)
    simulate_s = median_wall_s(lambda: simulate_once(requests, cluster, {"routing": "least-loaded"}))
    note = f"simulating takes {simulate_s * 1e3:.0f} ms"
    return Measurement("workloads", draw_s, REQUESTS / draw_s, peak_rss_mb(), "ratio < 1", draw_s / simulate_s, note)


def _draw() -> Requests:
    document = {"aggregate_rate": 60, "num_requests": REQUESTS, "clients": [CHAT, BATCH]}
    return spec.generate(spec.Params.from_mapping("workload", {"spec": document}), 42, BLOCK_SIZE_TOKENS)
