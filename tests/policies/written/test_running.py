"""Written policies at work: compiled and in a process of their own they decide alike, and whatever they do they end."""

from typing import Any

import numpy as np
import pytest

from blis.foundation.errors import ContractError
from blis.policies.written.dialect import check_source
from blis.policies.written.ready import ready
from blis.policies.written.sandbox import WrittenVerb
from blis.prepare import prepare
from blis.scenario import Scenario
from blis.simulate import Simulation

CLUSTER = {
    "instances": 3,
    "kv_blocks": 60,
    "latency": {"kind": "affine", "alpha_us": [1, 1, 1], "beta_us": [1000, 10, 1]},
}
WORKLOAD = {
    "kind": "distribution", "rate": 100, "num_requests": 60, "prompt_tokens_mean": 100, "prompt_tokens_max": 300,
    "output_tokens_mean": 50, "output_tokens_max": 100,
}  # fmt: skip
HEAD = "def route(view, request, params, memory, scores):\n"

LEAST_LOADED = """
from blis.engine.choice import best_instance

def route(view, request, params, memory, scores):
    for instance in view.candidates:
        scores[instance] = -view.effective_load[instance]
    return best_instance(scores, view.candidates, view.tie_draw)
"""
REMEMBERING = """
import math
from blis.engine.choice import best_instance
DECAY = 0.9

def cost(view, instance):
    return math.log1p(view.queued_tokens[instance]) + view.running_requests[instance] / 3

def route(view, request, params, memory, scores):
    for instance in range(view.n_instances):
        memory[instance] = memory[instance] * DECAY
        scores[instance] = -cost(view, instance) - memory[instance] // 2 - view.affinity_blocks[instance] % 2
    best = best_instance(scores, view.candidates, view.tie_draw)
    memory[best] += request.input_tokens
    memory[-1] = max(memory[-1], memory[best])
    return best
"""
REFUSING = """
def admit(view, request, params, memory):
    memory[0] += 1
    total = sum([view.effective_load[i] for i in range(view.n_instances)])
    return total > 9 and memory[0] % 3 == 0
"""
LONG_FIRST = """
def prioritise(view, request, params, memory):
    return float(request.input_tokens) - 1e-6 * request.arrival_us
"""
SHORT_FIRST = """
def order(view, request, params, memory):
    return request.input_tokens + view.uncached_tokens - 10 * request.preemptions
"""


def written(source: str) -> dict[str, str]:
    """The choice of a written policy."""
    return {"policy": "written", "source": source}


def simulated(**policies: Any) -> Simulation:
    scenario = Scenario.from_mapping({"cluster": CLUSTER, "workload": WORKLOAD, "policies": policies})
    return Simulation(scenario.requests(1), prepare(scenario)).run()


def in_process(question: str, source: str) -> WrittenVerb:
    """The policy as it runs where it cannot be compiled."""
    return WrittenVerb(check_source(question, question, source))


@pytest.mark.parametrize(
    "sources",
    [
        {"routing": LEAST_LOADED},
        {"routing": REMEMBERING},
        {"admission": REFUSING},
        {"priority": LONG_FIRST},
        {"scheduling": SHORT_FIRST},
    ],
    ids=lambda sources: "-".join(sources),
)
def test_compiled_and_in_a_process_of_its_own_it_decides_alike(sources: dict[str, str]) -> None:
    rest = {"scheduling": "priority-fcfs"} if "priority" in sources else {}

    machine = simulated(**{question: written(source) for question, source in sources.items()}, **rest)
    apart = simulated(**{question: in_process(question, source) for question, source in sources.items()}, **rest)

    (question,) = sources
    assert not machine.prepared.policies[question].is_python
    assert apart.prepared.policies[question].is_python
    for column in ("status", "instance", "first_token_us", "finished_us", "preemptions"):
        np.testing.assert_array_equal(machine.state.requests[column], apart.state.requests[column])


def test_it_does_what_the_native_policy_does_that_it_imitates() -> None:
    own, native = simulated(routing=written(LEAST_LOADED)), simulated(routing="least-loaded")

    assert own.state.requests.finished_us.tolist() == native.state.requests.finished_us.tolist()


def test_what_cannot_be_compiled_is_decided_apart_and_says_why() -> None:
    source = HEAD + "    loads = {}\n    for i in view.candidates:\n        loads[i] = (view.effective_load[i], 'x')\n"
    source += "    return min(view.candidates, key=lambda i: loads[i][0])\n"

    found = ready(check_source("routing", "routing", source))

    assert not found.is_compiled
    assert found.why_not.startswith("cannot be compiled: ")
    assert simulated(routing=written(source)).is_over


@pytest.mark.parametrize("apart", [False, True], ids=["compiled", "apart"])
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["n = 0", "while n > -1:", "    n += 1", "return 0"], "one decision takes too many steps"),
        (["t = 0", "for i in range(10**12):", "    t += i", "return t"], "one decision takes too many steps"),
        (["scores[77] = 1.0", "return 0"], "IndexError"),
        (["memory[1024] = 1.0", "return 0"], "IndexError"),
        (["memory[-1025] = 1.0", "return 0"], "IndexError"),
        (["return request.input_tokens // (view.n_instances - 3)"], "ZeroDivisionError"),
        (["return 99"], "99"),
        (["return -1"], "-1"),
    ],
)
def test_whatever_goes_wrong_in_it_is_its_own_fault(lines: list[str], words: str, apart: bool) -> None:
    source = HEAD + "".join(f"    {line}\n" for line in lines)
    policy = in_process("routing", source) if apart else written(source)

    with pytest.raises(ContractError, match=words) as caught:
        simulated(routing=policy)

    assert "written:" in str(caught.value) or apart


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["return 'zero'"], "must return a number; got str"),
        (["return None"], "must return a number; got NoneType"),
        (["return 0.5"], "must return an int"),
        (["view.candidates[0] = 1", "return 0"], "TypeError"),
        (["scores.append(1.0)", "return 0"], "scores must keep its length"),
        (["return sum(range(10**15))"], "one decision takes too many steps"),
        (["return len('x' * 10 ** 11)"], "MemoryError"),
        (["a = [0.0]", "for i in range(60):", "    a = a + a", "return 0"], "MemoryError"),
        (["return 2 ** 70"], "error|64"),
    ],
)
def test_a_process_of_its_own_fails_in_words(lines: list[str], words: str) -> None:
    with pytest.raises(ContractError, match=words):
        simulated(routing=in_process("routing", HEAD + "".join(f"    {line}\n" for line in lines)))


def test_a_decision_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blis.policies.written.sandbox.DECISION_S", 1.0)

    with pytest.raises(ContractError, match=r"one decision took more than 1 s|MemoryError"):
        simulated(routing=in_process("routing", HEAD + "    return 10 ** 10 ** 10\n"))


def test_what_it_remembers_is_its_own_in_each_run() -> None:
    first, second = simulated(routing=written(REMEMBERING)), simulated(routing=written(REMEMBERING))

    assert first.state.requests.instance.tolist() == second.state.requests.instance.tolist()
    assert first.memory[1, 1023] > 0.0
