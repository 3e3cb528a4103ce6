"""Divide a request if that lets the queues of both sides, and missed promises, grow less for what it costs.

Wise where neither side is always the bottleneck, and nobody wants to set a threshold: what is too much is what waits.
llm-d's EDPP decider goes by the same three signals (relative depth of the decode and the prefill queue, and a virtual
queue that grows with each missed TTFT of a divided request); its formula is not published, and this one is our own.

Derivation. Let x = new tokens / tokens of a step be what the prompt takes, in steps. Of three queues

- P, prompts that wait on the prefill side, in steps: P ← max(P + a x - served, 0) with a = 1 if the request is divided;
- D, the backlog of the decode side: prompts that wait there, in steps, and requests over slots, in which D ← max(D +
  (1 - a) x - served, 0), because a prompt that is computed there takes x steps from the decodes;
- Z, a virtual one: Z ← max(Z + missed - epsilon, 0) for each first token of a divided request, which is stable only if
  no more than the share epsilon of them is late (Neely, "Stochastic Network Optimization", 2010, section 4.4);

take the Lyapunov function L = (P² + D² + Z²) / 2. Its expected drift, given the queues, is at most a constant plus P a
x + D (1 - a) x + Z a m, where m is what another divided request adds to the misses, taken as one. Drift plus V times a
penalty is least if each request takes the cheaper of

    divided:  P x + Z + V transfer_steps          undivided:  D x + V x r

where r, the share of the decode instance's slots in use, says how many decodes the prompt would keep waiting for x
steps. V sets what the penalty weighs against queues: they grow as V does, and the penalty comes as close to the least
possible as 1 / V. The defaults are numbers that a search found, rounded (`experiments/e009_fleet`): a small penalty, a
decode side that counts as full early, and a virtual queue that hardly ever speaks.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import DisaggregationView, RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

NEEDS = frozenset({"cached_blocks"})
_MISSES, _FIRST, _LATE, _PLACES = range(4)  # places of the memory: Z, and the counts up to which it has been brought


class Params(NamedTuple):
    """What the penalty weighs, what a transfer costs, and how many may be late."""

    v: Annotated[float, Bounds(0.0, 1e6, "weight of the penalty")] = 0.06
    transfer_steps: Annotated[float, Bounds(0.0, 1000.0, "steps that a transfer is worth")] = 8.0
    late_share: Annotated[float, Bounds(0.0, 1.0, "of first tokens of divided requests")] = 0.5
    slots_weight: Annotated[float, Bounds(0.0, 1000.0, "steps of prompts per full decode side")] = 28.0


def memory_size(n_instances: int, n_requests: int) -> int:
    """The virtual queue."""
    return _PLACES


def disaggregate(
    view: RouterView, pools: DisaggregationView, request: RequestView, params: Float64Vector, memory: Float64Vector
) -> int:
    """1 if dividing is cheaper."""
    first, late = pools.first_tokens - memory[_FIRST], pools.late_first_tokens - memory[_LATE]
    memory[_MISSES] = max(0.0, memory[_MISSES] + late - params[2] * first)
    memory[_FIRST], memory[_LATE] = pools.first_tokens, pools.late_first_tokens
    new = max(0, request.input_tokens - pools.cached_tokens)
    steps = new / max(1, pools.decode_budget_tokens)
    prefill = pools.prefill_tokens / max(1, pools.prefill_budget_tokens)
    decode = pools.decode_tokens / max(1, pools.decode_instances * pools.decode_budget_tokens)
    decode += params[3] * pools.decode_requests / max(1, pools.decode_slots)
    occupied = pools.decode_running_requests / max(1, pools.decode_instance_slots)
    divided = prefill * steps + memory[_MISSES] + params[0] * params[1]
    undivided = decode * steps + params[0] * steps * occupied
    return 1 if divided < undivided else 0
