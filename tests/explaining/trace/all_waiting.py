"""Who was passed over, by looking at every waiting request: what the engine's trees are held to.

Run with NUMBA_DISABLE_JIT=1 and a seed: invents runs, asks both at every step, and prints how often somebody was found.
"""

import sys

import numpy as np

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.engine import observation, passed_over
from blis.engine.codes import BUDGET, BY_PRIORITY, NOW_US, QUEUED, TAKEN_FROM
from blis.engine.free_blocks import free_blocks
from blis.engine.taking import prospect
from blis.engine.views import PRIORITY, RANKS_URGENCY
from blis.engine.waiting import queue_view, request_view
from blis.foundation.slo import CLASSES
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.labels import Labels
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of

SCHEDULINGS = ("fcfs", "sjf", "priority-fcfs", "reverse-priority")
PRIORITIES = (
    "constant", "slo-class", "slo-based", "inverted-slo", {"policy": "linear", "input_tokens": -90, "preemptions": 2},
    {"policy": "program", "formula": "age_us input_tokens mul"},
)  # fmt: skip
BLOCK_SIZE_TOKENS = 4


def waiting(state, instance):
    """Rows of the requests that wait on an instance."""
    requests = state.requests
    return np.flatnonzero((requests.status == QUEUED) & (requests.instance == instance)).tolist()


def claim(world, state, instance, request):
    """A key that sorts those with the better claim first."""
    requests = state.requests
    if world.settings.urgency_kind != BY_PRIORITY:
        return 0.0, int(requests.queued_us[request]), int(requests.routing_rank[request])
    view = queue_view(world, state, instance, request, int(state.scratch.step[NOW_US]))
    seen = request_view(world, state, request)
    urgency = world.answers[RANKS_URGENCY](view, seen, world.parameters[PRIORITY], world.memory[PRIORITY])
    return -round(float(urgency), 9), int(requests.arrival_us[request]), 0


def fits(world, state, instance, request, budget, room):
    """Whether there are blocks for a request."""
    return prospect(world, state, instance, request, budget)[4] <= room


def first_that_fits(world, state, instance, blocked):
    """The request with the oldest claim, but for the blocked one, for which there are blocks."""
    budget, free = max(1, int(state.scratch.step[BUDGET])), free_blocks(world, state, instance)
    others = [one for one in waiting(state, instance) if one != blocked and free > 0]
    others.sort(key=lambda one: (claim(world, state, instance, one)[1:], one))
    return next((one for one in others if fits(world, state, instance, one, budget, free)), -1)


def inversion(world, state, instance):
    """How many were taken before the one with the best claim that would have fitted, the last of them, and that one."""
    step, size = state.scratch.step, world.settings.block_size_tokens
    members = state.batches.members[instance, step[TAKEN_FROM] : state.instances.running_requests[instance]]
    taken = {int(one): claim(world, state, instance, int(one)) for one in members}
    last = max(taken, key=taken.__getitem__)
    room = free_blocks(world, state, instance) + -(-state.requests.stored_tokens[last] // size)
    budget = int(world.limits.step_token_budget[instance])
    before = [one for one in waiting(state, instance) if claim(world, state, instance, one) < taken[last]]
    before.sort(key=lambda one: (claim(world, state, instance, one), one))
    passed = next((one for one in before if fits(world, state, instance, one, budget, room)), -1)
    if passed < 0:
        return 0, -1, -1
    return sum(claim(world, state, instance, passed) < one for one in taken.values()), last, passed


def invented(draw: np.random.Generator) -> tuple[Requests, Cluster, dict]:
    """A run that crowds small instances."""
    count = int(draw.integers(20, 50))
    prompt, output = draw.integers(1, 60, count), draw.integers(1, 9, count)
    group = draw.integers(-1, 3, count)
    requests = requests_of(
        arrival_us=np.sort(draw.permutation(600)[:count]), input_tokens=prompt, output_tokens=output,
        slo_class=Labels(draw.integers(0, len(CLASSES), count, np.int32), tuple(CLASSES)),
        keys=keys_of_groups(prompt, output, group, np.minimum(prompt, 20) * (group >= 0), BLOCK_SIZE_TOKENS),
        block_size_tokens=BLOCK_SIZE_TOKENS,
    )  # fmt: skip
    latency = affine.prepare(affine.Params(alpha_us=(0.0, 0.0, 0.0), beta_us=(20.0, 1.0, 0.0)), None, None, 1)
    instance = Instance(
        kv_blocks=int(draw.integers(20, 60)), max_running_requests=int(draw.integers(2, 9)),
        step_token_budget=int(draw.integers(8, 64)), latency=latency,
    )  # fmt: skip
    policies = {
        "scheduling": str(draw.choice(SCHEDULINGS)), "priority": PRIORITIES[draw.integers(len(PRIORITIES))],
        "preemption": str(draw.choice(["newest", "lowest-priority"])),
    }  # fmt: skip
    return requests, Cluster((instance,) * 2, "affine", BLOCK_SIZE_TOKENS), policies


def main() -> None:
    """Ask both at every step of some runs."""
    found = {"fitting": 0, "inverted": 0, "none": 0}

    def asked_first_that_fits(world, state, instance, blocked):
        answer = passed_over.first_that_fits(world, state, instance, blocked)
        assert answer == first_that_fits(world, state, instance, blocked), (answer, world.settings)
        found["fitting" if answer >= 0 else "none"] += 1
        return answer

    def asked_look_for_inversion(world, state, instance, entry):
        expected = inversion(world, state, instance)
        passed_over.look_for_inversion(world, state, instance, entry)
        sample = state.trace.samples[entry]
        answer = (int(sample.inverted_requests), int(sample.inverted_request), int(sample.passed_request))
        assert answer == expected, (answer, expected, world.settings)
        found["inverted" if expected[0] else "none"] += 1

    observation.first_that_fits = asked_first_that_fits
    observation.look_for_inversion = asked_look_for_inversion
    draw = np.random.default_rng(int(sys.argv[1]))
    for _ in range(24):
        requests, cluster, policies = invented(draw)
        Simulation(requests, bind_run(cluster, policies), trace="summary").run()
    print(found["fitting"], found["inverted"], found["none"])


if __name__ == "__main__":
    main()
