"""What looking ahead gains over the best baseline of each scenario, and what it costs.

`python -m experiments.e006_ceiling [scenario=A,B] [suite=FILE] [role=test] [seeds=6] [requests=500] [base=NAME]
[horizon_s=..] [futures=..] [caution=..] [keeps_others=..]` prints a line for each scenario of a suite: the baseline
that is best there by a dozen other seeds (or the one that is named), what the honest look-ahead on it gains by the
default objective, what hindsight does, the share of promises that the baseline keeps, and the CPU time of one run's
look-ahead [s].
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from blis.foundation.strict_yaml import read_yaml
from evolve.ceiling.lookahead import Looking
from evolve.ceiling.measuring import reach
from evolve.comparing import Objective
from evolve.comparing.gains import gains
from evolve.comparing.intervals import effect
from evolve.comparing.objectives import read_objectives
from evolve.judging.baselines import read_baselines
from evolve.judging.goals import Goals
from evolve.records import Phenotype, Record, Task
from evolve.trials.evaluation import evaluate
from evolve.trials.suite import Suite
from evolve.trials.workloads import Prepared, WorkloadKey, Workloads
from experiments.assignments import as_number, read_assignments

CONF = Path(__file__).resolve().parents[2] / "conf"
LOOKING = {"horizon_s": "horizon_s", "futures": "futures", "caution": "caution", "keeps_others": "keeps_others"}
KEYS = ("scenario", "suite", "role", "seeds", "requests", "base", *LOOKING)

#: Seeds that choose the best baseline, and the first of those that it is looked ahead with.
CHOOSING, FIRST = range(700_001, 700_013), 800_001


def main() -> None:
    """Print the table."""
    given = read_assignments(sys.argv[1:], KEYS)
    suite = Suite.from_mapping("suite", read_yaml(Path(given.get("suite", CONF / "suite" / "default.yaml"))))
    workloads = Workloads(suite)
    baselines = read_baselines("baselines", read_yaml(CONF / "baselines" / "default.yaml"))
    objectives = read_objectives(Goals.from_config("objectives", None))
    looking = _looking(given)
    seeds = range(FIRST, FIRST + int(given.get("seeds", 6)))
    print(looking, flush=True)
    for scenario in suite.scenarios[given.get("role", "test")]:
        if scenario.name not in given.get("scenario", scenario.name).split(","):
            continue
        count = scenario.requests_at(int(given.get("requests", 500)))
        keys = [WorkloadKey(scenario.name, seed, count) for seed in seeds]
        base = given.get("base") or _best(
            workloads, [replace(keys[0], seed=one) for one in CHOOSING], baselines, objectives
        )
        _line(
            scenario.name, count, base, [workloads.prepared(key) for key in keys], baselines[base], looking, objectives
        )


def _looking(given: Mapping[str, str]) -> Looking:
    values: dict[str, Any] = {key: as_number(given[key]) for key in LOOKING if key in given}
    if "keeps_others" in values:
        values["keeps_others"] = given["keeps_others"] == "true"
    return Looking(**values)


def _best(
    workloads: Workloads,
    keys: Sequence[WorkloadKey],
    baselines: Mapping[str, Phenotype],
    objectives: Sequence[Objective],
) -> str:
    """The baseline that is best by these workloads."""
    records = {name: [_run(workloads, key, one) for key in keys] for name, one in baselines.items()}
    yardstick = next(iter(records.values()))
    return max(records, key=lambda name: float(gains(records[name], yardstick, objectives)[0].mean()))


def _run(workloads: Workloads, key: WorkloadKey, phenotype: Phenotype) -> Record:
    return evaluate(Task(phenotype, key.scenario, key.seed, key.num_requests, ""), workloads.prepared(key))


def _line(
    name: str,
    count: int,
    base: str,
    workloads: Sequence[Prepared],
    phenotype: Phenotype,
    looking: Looking,
    objectives: Sequence[Objective],
) -> None:
    started_s = time.process_time()
    weights = {one.name: one.weight for one in objectives}
    found = [reach(one, phenotype, looking, weights, one.scenario.seed) for one in workloads]
    spent_s = (time.process_time() - started_s) / len(workloads)
    alone = [one.base for one in found]
    honest = [one.honest for one in found if one.honest is not None]
    cells = [name, f"{count:,}", base]
    for records in (honest, [one.clairvoyant for one in found]):
        rows = gains(records, alone, objectives)[0] if len(records) == len(found) else np.zeros(1)
        cells.append(str(effect([rows], 1, name)))
    kept = np.mean([one.figures["slo_attainment"] for one in alone])
    print(f"| {' | '.join(cells)} | {kept:.1%} | {spent_s:.0f} |", flush=True)


if __name__ == "__main__":
    main()
