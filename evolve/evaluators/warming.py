"""Compiles, or loads from the disk cache, everything that a simulation may need, before a clock watches it."""

from functools import cache

from blis.engine.answers import compiled_answer, compiled_queues
from blis.foundation.answers import QUESTIONS, choices
from evolve.records import Phenotype, Task
from evolve.trials.evaluation import evaluate
from evolve.trials.workloads import prepare

_SCENARIO = {
    "cluster": {"kv_blocks": 100, "latency": {"kind": "affine", "alpha_us": [1, 0, 0], "beta_us": [1000, 0, 0]}},
    "workload": {"kind": "distribution", "num_requests": 2, "output_tokens_mean": 4, "output_tokens_max": 8},
}


@cache
def warm() -> None:
    """Every answer that a policy can name, and what a small simulation calls beside them; once in a process."""
    for folder in (*QUESTIONS, "scoring"):
        for name in choices(folder):
            compiled_answer(folder, name)
    for name in choices("eviction"):
        compiled_queues(name)
    evaluate(Task(Phenotype({}), "", 0, 2, ""), prepare(_SCENARIO))
