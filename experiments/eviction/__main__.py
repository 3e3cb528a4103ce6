"""What each eviction policy gains over `lru` on scenarios, and how much the clairvoyant control does.

`python -m experiments.eviction [scenario=A,B] [seeds=20] [router=NAME]` prints a table for each scenario: of every
answer of `blis/policies/eviction` the hit rate, the blocks evicted in a run that others could have found, SLO
attainment, and the gain over `lru` by the default objective, with its 95 % interval; all on the same requests. A
scenario may be a file. `router` is a routing policy without parameters; by default llm-d's weights.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from blis.foundation.answers import choices
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from blis.policies.binding import DEFAULT_POLICIES
from evolve.comparing.gains import gains
from evolve.comparing.intervals import effect
from evolve.comparing.objectives import read_objectives
from evolve.judging.goals import Goals
from evolve.records import Phenotype, Record, Task
from evolve.trials.evaluation import evaluate
from evolve.trials.suite import Suite
from evolve.trials.workloads import WorkloadKey, Workloads
from experiments.assignments import read_assignments

SCENARIOS = "cache-scan,kv-pressure,prefix-heavy,session-thrash,agentic,mooncake-conversation"
LLM_D = {"policy": "weighted", "scorers": {"prefix-affinity": 3, "queue-depth": 2, "kv-utilization": 2}}
FIRST_SEED = 810_001
KEYS = ("scenario", "seeds", "router")


def main() -> None:
    """Print the tables."""
    given = read_assignments(sys.argv[1:], KEYS)
    names = given.get("scenario", SCENARIOS).split(",")
    seeds = list(range(FIRST_SEED, FIRST_SEED + int(given.get("seeds", 20))))
    shipped = Suite.from_mapping("suite", read_yaml(conf_folder() / "suite" / "default.yaml"))
    suite, _ = shipped.with_train("scenario", names)
    workloads, objectives = Workloads(suite), read_objectives(Goals.from_config("objectives", None))
    routing: Any = given.get("router", LLM_D)
    for scenario in suite.scenarios["train"]:
        keys = [WorkloadKey(scenario.name, seed, scenario.num_requests) for seed in seeds]
        found = {name: [_run(workloads, key, routing, name) for key in keys] for name in choices("eviction")}
        print(f"\n| {Path(scenario.name).stem} | hit rate | evicted blocks | SLO attainment | gain over lru |")
        print("|---|---|---|---|---|")
        for name, records in found.items():
            log_gains, n_undefined = gains(records, found["lru"], objectives)
            gained = "" if name == "lru" else effect([log_gains], 1, scenario.name, n_undefined=n_undefined)
            hits, evicted, kept = (
                _mean(records, key) for key in ("cache_hit_rate", "cache_evicted_blocks", "slo_attainment")
            )
            print(f"| `{name}` | {hits:.1%} | {evicted:,.0f} | {kept:.1%} | {gained} |", flush=True)


def _run(workloads: Workloads, key: WorkloadKey, routing: Any, eviction: str) -> Record:
    phenotype = Phenotype({**DEFAULT_POLICIES, "routing": routing, "eviction": eviction})
    return evaluate(Task(phenotype, key.scenario, key.seed, key.num_requests, ""), workloads.prepared(key))


def _mean(records: list[Record], figure: str) -> float:
    return float(np.mean([record.figures[figure] for record in records]))


if __name__ == "__main__":
    main()
