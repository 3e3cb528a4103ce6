"""Everything around the instances at once: gateways, evictions, filters, adapters, instances that come, go and die."""

from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any

import pytest

from experiments.fuzz.case import Case
from experiments.fuzz.checks import causality, conservation, determinism, forks
from experiments.fuzz.draw import draw_case
from experiments.fuzz.subject import Subject

PARTS = ("gateway", "autoscaling", "failures")


def cases(seed: int, n_parts: int) -> Iterator[Case]:
    """Random cases that have so many of the parts at least; adapters stand with any of them."""
    for number in count():
        case = draw_case(seed, number, "compiled")
        if sum(part in case.scenario["cluster"] for part in PARTS) >= n_parts:
            yield case


@pytest.mark.parametrize("check", [conservation.check, causality.check, determinism.check, forks.check])
@pytest.mark.parametrize("n_parts", [1, 2])
def test_laws_hold_for_random_combinations(check: Callable[[Any], Iterator[str]], n_parts: int) -> None:
    for case in islice(cases(11, n_parts), 25):
        assert list(check(Subject(case))) == [], f"python -m experiments.fuzz seed=11, case {case.number}"


def test_a_part_that_is_switched_off_leaves_no_trace() -> None:
    # What cannot happen changes nothing: slots that nobody asks for, a gateway that never holds, failures to come.
    for case in islice(cases(12, 1), 10):
        scenario = dict(case.scenario)
        scenario["cluster"] = {key: value for key, value in scenario["cluster"].items() if key not in PARTS}
        scenario["cluster"]["instances"] = [
            {key: value for key, value in pool.items() if key != "lora"} for pool in scenario["cluster"]["instances"]
        ]
        own = [dict(pool) | {"lora": {"max_loras": 2, "host_load_ms": 1, "disk_load_ms": 1, "step_us": 1,
                                      "adapter_us": 1, "token_us": 1}}
               for pool in scenario["cluster"]["instances"]]  # fmt: skip
        rows = None if case.rows is None else tuple(row | {"adapter": ""} for row in case.rows)
        if rows is None:
            scenario["workload"] = {key: value for key, value in scenario["workload"].items() if key != "adapters"}
        plain = Subject(Case(scenario, rows=rows))
        idle = Subject(Case(scenario | {"cluster": scenario["cluster"] | {"instances": own}}, rows=rows))

        if plain.stalled:
            continue
        assert plain.finished.state.requests.tobytes() == idle.finished.state.requests.tobytes()
        assert plain.finished.state.instances.tobytes() == idle.finished.state.instances.tobytes()
