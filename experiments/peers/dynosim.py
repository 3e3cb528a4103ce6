"""`python dynosim.py TASK`: DynoSim's part, run by the Python that has it; it can import nothing of this project.

The task and the answer are JSON, as `experiments.peers.children` describes them.
"""

import json
import sys
import time
from importlib.metadata import version

NAME = "DynoSim"


def main(text):
    """Do one task and print its answer."""
    task = json.loads(text)
    setting = task["setting"]
    engine = {
        "num_gpu_blocks": setting["kv_blocks"],
        "block_size": setting["block_size_tokens"],
        "max_num_seqs": setting["running_requests"],
        "max_num_batched_tokens": setting["token_budget"],
        # A step's price is that of its prompts and that of its decodes: nothing, and the length of a step.
        "timing_model": {"type": "fixed", "prefill_ms": 0, "decode_ms": setting["step_ms"]},
    }
    _only_read(setting, engine)  # the first time imports what it needs
    reading_cpu_s = _only_read(setting, engine)
    runs_cpu_s = []
    for _ in range(task["repeats"]):
        cpu_s, summary = _replay(setting, engine)
        runs_cpu_s.append(cpu_s - reading_cpu_s)
    answer = {
        "version": version("ai-dynamo-runtime"),
        "reading_cpu_s": reading_cpu_s,
        "runs_cpu_s": runs_cpu_s,
        "evaluations_cpu_s": [_evaluation(setting, engine, weight) - reading_cpu_s for weight in task["cache_weights"]],
        "figures": {
            "completed_requests": summary["completed_requests"],
            "output_tokens": summary["total_output_tokens"],
            "duration_s": summary["duration_ms"] / 1e3,
            "ttft_mean_ms": summary["mean_ttft_ms"],
            "e2e_mean_ms": summary["mean_e2e_latency_ms"],
            "cached_share": summary["prefix_cache_reused_ratio"],
        },
    }
    print(json.dumps(answer))


def _only_read(setting, engine):
    cpu_s, _ = _replay(setting, engine, max_sim_time_ms=0.001)  # ends before anything has happened
    return cpu_s


def _replay(setting, engine, **options):
    from dynamo.replay import run_trace_replay

    began_s = time.process_time()
    report = run_trace_replay(
        setting["trace"],
        extra_engine_args={"engine": engine},
        num_workers=setting["workers"],
        trace_block_size=512,
        **options,
    )
    return time.process_time() - began_s, report.summary


def _evaluation(setting, engine, cache_weight):
    from dynamo.llm import KvRouterConfig

    router = KvRouterConfig(overlap_score_credit=cache_weight)
    cpu_s, _ = _replay(setting, engine, router_mode="kv_router", router_config=router)
    return cpu_s


if __name__ == "__main__":
    main(sys.argv[1])
