"""Makes one small input of each kind that works, in a folder."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from experiments.wrong_inputs.measured import make_measured

ROOT = Path(__file__).resolve().parents[2]

_TIMES = [f"2023-11-16 18:15:{second:02d}.6805900" for second in range(40, 50)]
_CLIENTS = """\
aggregate_rate: 20.0
num_requests: 30
seed: 7
clients:
  - id: chat
    tenant_id: one
    slo_class: critical
    rate_fraction: 0.7
    arrival: {process: gamma, cv: 2.0}
    input_distribution: {type: gaussian, params: {mean: 100, std_dev: 20, min: 10, max: 400}}
    output_distribution: {type: exponential, params: {mean: 20}}
    prefix_group: shared
    prefix_length: 64
  - id: batch
    rate_fraction: 0.3
    arrival: {process: poisson}
    input_distribution: {type: constant, params: {value: 50}}
    output_distribution: {type: constant, params: {value: 5}}
"""
_USERS = """\
num_requests: 20
clients:
  - id: user
    concurrency: 3
    sessions: {rounds: 2, think_time_ms: 100}
    input_distribution: {type: constant, params: {value: 50}}
    output_distribution: {type: constant, params: {value: 5}}
"""
_SCENARIO = """\
tension: one line of text
saturation_rate: {affine: 20.0, roofline: 30.0}
load: 0.9
num_requests: 150
cluster:
  instances: 2
  kv_blocks: 500
  model: meta-llama/llama-3.1-8b-instruct
  hardware: H100
  tensor_parallel: 2
  latency: {kind: affine, alpha_us: [100, 1, 2], beta_us: [1000, 10, 50]}
workload: {kind: distribution, preset: chatbot}
slo: {default: {ttft_multiple: 10, itl_ms: 50}, batch: {e2e_multiple: 3}}
horizon_us: 60000000
"""
_BUNDLE = """\
version: 1
admission: {policy: token-bucket, capacity_tokens: 100000, refill_tokens_per_s: 10000}
routing: {policy: weighted, scorers: [{name: queue-depth, weight: 2}, {name: kv-utilization, weight: 1}]}
priority: {policy: program, formula: age_us 1e-6 mul}
scheduling: priority-fcfs
preemption: newest
limits: {step_token_budget: 1024, max_running_requests: 64}
lineage: {parents: [1, 2], note: text}
"""
_OTHER_BUNDLE = """\
version: 1
routing: {policy: least-loaded}
"""
_SUITE = """\
train: {scenarios: [{name: kv-pressure, num_requests: 50}], seeds: [1, 2]}
validation: {scenarios: [{name: size-segregation, num_requests: 50, load: 0.9}], seeds: [3]}
test: {scenarios: [{name: azure-conversation, num_requests: 50, stretch: [0, 0.5]}], seeds: [4, 5]}
"""
_SHARED_PREFIX = """\
load: {type: constant, stages: [{rate: 10, duration: 2}]}
data:
  type: shared_prefix
  shared_prefix: {num_groups: 2, num_prompts_per_group: 3, system_prompt_len: 64, question_len: 20, output_len: 5}
"""
_PICKER = """\
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: max-score-picker
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 1}
  - {pluginRef: max-score-picker}
"""
_BOARD = """\
title: one line of text
suite: quick
objectives: {lateness: 0.5, slo-attainment: 0.5}
reference: other
seeds: [1]
num_requests: 50
check: {scenarios: [cache-warmup], seeds: [1], num_requests: 20}
"""
_CANDIDATE = '''"""The first that may be chosen."""


def route(view, request, params, memory, scores):
    return view.candidates[0]
'''
TEXTS = {
    "azure.csv": "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    + "".join(f"{at},{30 + 9 * n},5\n" for n, at in enumerate(_TIMES)),
    "burstgpt.csv": "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    + "".join(f"{5 * n},ChatGPT,{40 + n},{5 + n},{45 + 2 * n},Conversation log\n" for n in range(10)),
    "mooncake.jsonl": "".join(
        json.dumps({"timestamp": 100 * n, "input_length": 1000, "output_length": 5, "hash_ids": [0, n + 1]}) + "\n"
        for n in range(10)
    ),
    "bailian.jsonl": "".join(
        json.dumps(
            {
                "chat_id": n,
                "parent_chat_id": n - 1 if n % 2 else -1,
                "timestamp": 0.5 * n,
                "input_length": 50 + n,
                "output_length": 5,
                "type": "text",
                "turn": 1 + n % 2,
                "hash_ids": [0, 1, 2, n + 3],
            }
        )
        + "\n"
        for n in range(10)
    ),
    "sharegpt.json": json.dumps(
        [
            {
                "id": str(n),
                "conversations": [{"from": "human", "value": "hello " * n}, {"from": "gpt", "value": "hi"}],
            }
            for n in range(1, 6)
        ]
    ),
    "bench.json": json.dumps(
        {
            "date": "20260801-101010",
            "backend": "vllm",
            "model_id": "m",
            "num_prompts": 3,
            "request_rate": 1.0,
            "burstiness": 1.0,
            "duration": 12.3,
            "completed": 3,
            "total_input_tokens": 350,
            "input_lens": [100, 200, 50],
            "output_lens": [40, 50, 9],
            "ttfts": [0.03, 0.03, 0.04],
            "itls": [[0.01], [0.01], [0.01]],
            "errors": ["", "", ""],
        }
    ),
    "spec.yaml": _CLIENTS,
    "users.yaml": _USERS,
    "scenario.yaml": _SCENARIO,
    "bundle.yaml": _BUNDLE,
    "other.yaml": _OTHER_BUNDLE,
    "suite.yaml": _SUITE,
    "picker.yaml": _PICKER,
    "flags.txt": "vllm-router --policy cache_aware --cache-threshold 0.4 --balance-abs-threshold 8\n",
    "boards/small/board.yaml": _BOARD,
    "candidate.py": _CANDIDATE,
    "shared.yaml": _SHARED_PREFIX,
}


def make_inputs(folder: Path, with_search: bool) -> None:
    """Write the texts, copy the folders, and let the commands themselves make what they read back."""
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "docs" / "examples" / "servegen", folder / "servegen")
    shutil.copytree(ROOT / "tests" / "data" / "cases" / "p29_overlong_horizon", folder / "case")
    model = folder / "model"
    model.mkdir()
    shutil.copy(next((ROOT / "model_configs").glob("*llama-3.1-8b-instruct/config.json")), model)
    shutil.copytree(ROOT / "hardware", folder / "hardware", ignore=shutil.ignore_patterns("steps"))
    shutil.copy(ROOT / "hardware" / "steps" / "llama-3.1-8b-instruct--H100--tp2--vllm.csv", folder / "steps.csv")
    small = ["workload=distribution", "workload.num_requests=30", "cluster.instances=2"]
    _called(folder, "blis.run", *small, "trace=decisions", "counterfactual=rollout", "counterfactual.decisions=3",
            "export_requests=true", "hydra.run.dir=run")  # fmt: skip
    for name in ("trace.yaml", "trace.csv"):
        shutil.copy(folder / "run" / name, folder / name)
    make_measured(folder, ROOT)
    if with_search:
        _called(
            folder, "evolve.run", "suite=quick", "evaluator=serial", "tracker=none", "budget.generations=1",
            "ladder=[{num_requests:50,seeds:1}]", "algorithm.population=3", "algorithm.offspring=3", "finalists=2",
            "report=false", "hydra.run.dir=search",
        )  # fmt: skip
        for name in ("other", "bundle"):
            _called(folder, "evolve.leaderboard", "add", f"{name}.yaml", "folder=boards", "board=small")
        _called(folder, "evolve.leaderboard", "judge", "folder=boards", "evaluator=serial")


def _called(folder: Path, module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
