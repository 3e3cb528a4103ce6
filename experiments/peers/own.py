"""`python -m experiments.peers.own TASK`: our part, in a process of its own as DynoSim's is.

The task and the answer are JSON, as `experiments.peers.children` describes them.
"""

import json
import sys
import time
from importlib.metadata import version
from typing import Any

from blis.result import Result, simulate
from blis.scenario import Scenario
from blis.workload.requests import Requests
from experiments.peers.setting import Setting

NAME = "blis"


def main(text: str) -> int:
    """Do one task and print its answer."""
    task = json.loads(text)
    setting = Setting(**task["setting"])
    scenario = _scenario(setting, "round-robin")
    simulate(scenario)  # compiles, or loads what was compiled
    began_s = time.process_time()
    requests = scenario.requests()
    reading_cpu_s = time.process_time() - began_s
    runs_cpu_s = []
    for _ in range(task["repeats"]):
        cpu_s, result = _timed(scenario, requests)
        runs_cpu_s.append(cpu_s)
    answer = {
        "version": version("blis"),
        "reading_cpu_s": reading_cpu_s,
        "runs_cpu_s": runs_cpu_s,
        "evaluations_cpu_s": [_evaluation(setting, requests, weight) for weight in task["cache_weights"]],
        "figures": _figures(result),
    }
    print(json.dumps(answer))
    return 0


def _scenario(setting: Setting, routing: Any) -> Scenario:
    cluster = {
        "instances": setting.workers,
        "kv_blocks": setting.kv_blocks,
        "block_size_tokens": setting.block_size_tokens,
        "max_running_requests": setting.running_requests,
        "step_token_budget": setting.token_budget,
        "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [setting.step_ms * 1000, 0, 0]},
    }
    workload = {"kind": "mooncake", "path": setting.trace}
    return Scenario.from_mapping({"cluster": cluster, "workload": workload, "policies": {"routing": routing}})


def _timed(scenario: Scenario, requests: Requests) -> tuple[float, Result]:
    """CPU time of a run and its figures: a report of the other simulator has its figures, too."""
    began_s = time.process_time()
    result = simulate(scenario, requests=requests)
    result.figures()
    return time.process_time() - began_s, result


def _evaluation(setting: Setting, requests: Requests, cache_weight: float) -> float:
    scorers = {"precise-prefix-cache": cache_weight, "active-requests": 1.0}
    cpu_s, _ = _timed(_scenario(setting, {"policy": "weighted", "scorers": scorers}), requests)
    return cpu_s


def _figures(result: Result) -> dict[str, float | None]:
    figures = result.figures()
    ours = {
        "completed_requests": "completed_requests",
        "output_tokens": "total_output_tokens",
        "duration_s": "vllm_estimated_duration_s",
        "ttft_mean_ms": "ttft_mean_ms",
        "e2e_mean_ms": "e2e_mean_ms",
        "cached_share": "cache_hit_rate",
    }
    return {name: figures[own] for name, own in ours.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
