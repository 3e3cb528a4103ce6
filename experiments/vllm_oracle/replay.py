"""A scenario on blis: one instance, under the rules of the engine that recorded it."""

from __future__ import annotations

from typing import Any

import numpy as np

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.cluster.speculative import Speculative
from blis.foundation.semantics import semantics
from blis.outcome import Outcome, outcome
from blis.prepare import PreparedRun, bind_run
from blis.simulate import Simulation
from blis.workload.prefixes.chained_keys import keys_of_tokens
from blis.workload.requests import Requests
from blis.workload.table import requests_of
from experiments.vllm_oracle.drafts import FIRST_NUMBER
from experiments.vllm_oracle.recording import COLUMNS, STEP_COLUMNS
from experiments.vllm_oracle.scenario import Scenario

SEMANTICS = "vllm-0.32"
#: The smaller a priority is in vLLM, the more urgent: a weight of -1 for what stands in the place of a turn's number.
_BY_PRIORITY = {"policy": "linear", "age": 0.0, "urgency": 0.0, "round": -1.0}


def replay(scenario: Scenario) -> dict[str, Any]:
    """What becomes of a scenario's requests, and its steps, in the form of a recording.

    Returns
    -------
    dict: "columns"; "requests", one row per request, None where it never came to that; "step_columns"; "steps"
    """
    simulation = Simulation(requests(scenario), prepared(scenario), trace="summary").run()
    done = outcome(simulation)
    size, of = scenario.params["block_size"], done.requests
    cached_tokens = np.where(of.cached_blocks >= 0, of.cached_blocks * size, -1)
    columns = (of.ttft_us, of.e2e_us, of.scheduling_delay_us, cached_tokens, of.preemptions)
    rows = np.stack(columns, axis=1).tolist()
    return {
        "columns": list(COLUMNS),
        "requests": [[None if value < 0 else value for value in row] for row in rows],
        "step_columns": list(STEP_COLUMNS),
        "steps": _steps(done),
    }


def _steps(done: Outcome) -> list[list[int]]:
    """Every step; those of a run of decodes share a sample, and are of one length here: the model knows no contexts."""
    assert done.trace is not None
    steps = []
    for sample in done.trace.samples:
        n_steps = int(sample.steps)
        length_us = int(sample.length_us) // n_steps
        for place in range(n_steps):
            begin_us = int(sample.clock_us) + place * length_us
            steps.append([begin_us, length_us, int(sample.prefill_tokens), int(sample.decode_requests)])
    return steps


def prepared(scenario: Scenario) -> PreparedRun:
    """The instance and its policies."""
    given, drafts = scenario.params, scenario.params["draft_tokens"]
    instance = Instance(
        kv_blocks=given["kv_blocks"],
        max_running_requests=given["max_num_seqs"],
        step_token_budget=given["max_num_batched_tokens"],
        latency=affine.prepare(affine.Params(alpha_us=(0, 0, 0), beta_us=tuple(given["beta_us"])), None, None, 1),
        long_prefill_threshold_tokens=given["long_prefill_token_threshold"],
        async_scheduling=given["async_scheduling"],
        kv_watermark=given["watermark"],
        reserve_full_isl=given["reserve_full_isl"],
        prefix_caching=given["prefix_caching"],
        max_model_len_tokens=given["max_model_len"],
        speculative=Speculative(drafts, given["accepted_tokens"]) if drafts else None,
    )
    by_priority = given["policy"] == "priority"
    policies: dict[str, Any] = {
        "admission": "always-admit",
        "routing": "round-robin",
        "priority": _BY_PRIORITY if by_priority else "constant",
        "scheduling": "priority-fcfs" if by_priority else "fcfs",
        "preemption": "lowest-priority" if by_priority else "newest",
    }
    return bind_run(Cluster((instance,), "affine", given["block_size"]), policies, semantics(SEMANTICS))


def requests(scenario: Scenario) -> Requests:
    """The requests, with keys where their tokens are alike."""
    rows = scenario.requests
    input_tokens = np.array([len(row.prompt) for row in rows], np.int64)
    keys = keys_of_tokens([row.prompt for row in rows], [row.output for row in rows], scenario.params["block_size"])
    return requests_of(
        arrival_us=np.array([row.arrival_us for row in rows], np.int64),
        input_tokens=input_tokens,
        output_tokens=np.array([len(row.output) for row in rows], np.int64),
        keys=keys,
        block_size_tokens=scenario.params["block_size"],
        # Names are compared as text where all else is equal: of one length, they are in the order of the rows.
        number=FIRST_NUMBER + np.arange(len(rows)),
        turn=np.array([row.priority for row in rows], np.int32),
    )
