"""A user's function that is marked to be compiled decides inside the kernel, and cannot do what a policy must not."""

from typing import Any

import numpy as np
import pytest

from blis.explaining.counterfactual.rollout import rollouts
from blis.explaining.counterfactual.sampling import Sampling
from blis.foundation.errors import BlisError, ConfigError, ContractError
from blis.policies.binding import bind
from blis.policies.needs import COSTLY_SIGNALS
from blis.prepare import prepare
from blis.scenario import Scenario
from blis.simulate import Simulation
from tests.policies import compiled

CLUSTER = {
    "instances": 3,
    "kv_blocks": 60,
    "latency": {"kind": "affine", "alpha_us": [1, 1, 1], "beta_us": [1000, 10, 1]},
}
WORKLOAD = {
    "kind": "distribution", "rate": 100, "num_requests": 120, "prompt_tokens_mean": 100, "prompt_tokens_max": 300,
    "output_tokens_mean": 50, "output_tokens_max": 100,
}  # fmt: skip


def simulated(trace: str = "none", **policies: Any) -> Simulation:
    scenario = Scenario.from_mapping({"cluster": CLUSTER, "workload": WORKLOAD, "policies": policies})
    return Simulation(scenario.requests(1), prepare(scenario), trace=trace).run()


def interpreted(function: Any) -> Any:
    """The same policy, run by Python."""
    return function.py_func


@pytest.mark.parametrize(
    "policies",
    [
        {"routing": compiled.least_loaded},
        {"admission": compiled.refuse_every_third},
        {"priority": compiled.long_first, "scheduling": "priority-fcfs"},
        {"priority": compiled.long_first, "scheduling": compiled.by_priority, "preemption": "lowest-priority"},
        {"preemption": compiled.oldest},
    ],
    ids=lambda policies: "-".join(policies),
)
def test_compiled_and_interpreted_decide_alike(policies: dict[str, Any]) -> None:
    plain = {name: getattr(policy, "py_func", policy) for name, policy in policies.items()}

    machine, python = simulated(**policies), simulated(**plain)

    assert not any(policy.is_python for policy in machine.prepared.policies.values())
    for column in ("status", "instance", "first_token_us", "finished_us", "preemptions"):
        np.testing.assert_array_equal(machine.state.requests[column], python.state.requests[column])


def test_it_does_what_the_native_policy_does_that_it_imitates() -> None:
    own, native = simulated(routing=compiled.least_loaded), simulated(routing="least-loaded")

    assert own.state.requests.finished_us.tolist() == native.state.requests.finished_us.tolist()


def test_a_name_stands_for_it() -> None:
    bound = bind("routing", "routing", "tests.policies.compiled:least_loaded", allow_python=True)

    assert not bound.is_python
    assert (
        bound.name == bind("routing", "routing", compiled.least_loaded).name == "tests.policies.compiled:least_loaded"
    )


def test_what_its_module_does_not_say_is_assumed_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bind("routing", "routing", compiled.least_loaded).needs == COSTLY_SIGNALS

    monkeypatch.setattr(compiled, "NEEDS", frozenset(), raising=False)

    assert bind("routing", "routing", compiled.least_loaded).needs == frozenset()


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (compiled.knows_output, "Unknown attribute 'output_tokens' of type RequestView"),
        (compiled.writes, r"setitem\(readonly array"),
        (compiled.half, "must return an int; got float64"),
        (compiled.oldest, r"must take the 5 arguments of route\(\)"),
    ],
)
def test_what_a_policy_must_not_do_is_one_error_that_names_it(function: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        bind("routing", "scenario.policies.routing", function)

    message = str(caught.value)
    assert message.startswith(f"scenario.policies.routing: 'tests.policies.compiled:{interpreted(function).__name__}'")
    assert "\n" not in message
    assert len(message) < 700


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (compiled.fails, r"routing 'tests.policies.compiled:fails' failed at \d+ µs: ValueError: no more\."),
        (compiled.outside, "routing 'tests.policies.compiled:outside' chose instance 3 of 3"),
    ],
)
def test_what_goes_wrong_in_it_is_its_own_fault(function: Any, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        simulated(routing=function)


def test_rollouts_ask_it() -> None:
    sampling = Sampling(decisions=6, admissions=0, alternatives=2)

    own, native = (
        rollouts(simulated("summary", routing=policy), sampling, 1)
        for policy in (compiled.least_loaded, "least-loaded")
    )

    assert len(own) == 12
    assert own.tolist() == native.tolist()


def test_it_is_refused_as_other_code_is_where_only_data_is_allowed() -> None:
    with pytest.raises(BlisError, match="allow_python=true"):
        bind("routing", "routing", "tests.policies.compiled:least_loaded")
