"""Keep the instances that were sent most of the prompt before, unless that would cost too much time; else everybody.

Exploits caches where prompts share much, and leaves the choice among the holders to whoever scores. The gate lets go
where the best holder has far more ahead than the best of the others: in prompt tokens that the router sent and has seen
no first token of, or in the time to the first token that is expected.

Source: llm-d-router 0.9, prefix-cache-affinity-filter: affinityThreshold, explorationProbability,
maxTokensInFlightPenalty (35 steps of 8,192 tokens) or maxTTFTPenaltyMs with ttftSource prefillThroughput, which is the
same at its rate, or latencyPredictor.
"""

from typing import Annotated, NamedTuple

from blis.engine.choice import mixed
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import US_PER_MS, Float64Vector, Int64Vector
from blis.policies.parameters import Bounds, OneOf

_GATES = ("tokens", "predicted")
#: Told apart from the draws of whoever picks.
_OF_EXPLORATION = 0x5F1D
_ALL_DRAWS = float(1 << 32)


class Params(NamedTuple):
    """From which match on an instance is stuck to, how much later it may be, and how often all are kept by chance."""

    affinity_threshold: Annotated[float, Bounds(0.0, 1.0, "share of the prompt's whole blocks")] = 0.8
    exploration_probability: Annotated[float, Bounds(0.0, 1.0)] = 0.0
    gate: Annotated[str, OneOf(_GATES)] = "tokens"
    most_extra_tokens: Annotated[float, Bounds(0.0, 1e12, "prompt tokens; 0: any number")] = 286_720.0
    most_extra_ttft_ms: Annotated[float, Bounds(0.0, 1e9, "ms, where the gate is predicted; 0: any time")] = 18_000.0


def NEEDS(params: Float64Vector) -> frozenset[str]:  # noqa: N802 - a policy's flag, here a function
    """The router's own index, and what the gate compares."""
    return frozenset({"affinity_blocks", "sent_prompts" if params[2] == 0.0 else "expected_latency"})


def keep(view: RouterView, request: RequestView, params: Float64Vector, kept: Int64Vector) -> None:
    """The holders, if there are any and they are not too late."""
    if mixed(view.draw ^ _OF_EXPLORATION) < _ALL_DRAWS * params[1]:
        return
    needed = params[0] * request.prompt_blocks if request.prompt_blocks > 0 else 1.0
    by_tokens = params[2] == 0.0
    most_extra = params[3] if by_tokens else params[4] * US_PER_MS
    is_held, is_other, least_held, least_other = False, False, 0.0, 0.0
    for instance in view.candidates:
        ahead = float(view.sent_tokens[instance]) if by_tokens else view.expected_ttft_us[instance]
        if view.affinity_blocks[instance] >= needed:
            least_held = min(least_held, ahead) if is_held else ahead
            is_held = True
        else:
            least_other = min(least_other, ahead) if is_other else ahead
            is_other = True
    is_too_late = most_extra > 0.0 and is_other and least_held - least_other > most_extra
    if is_held and not is_too_late:
        for instance in view.candidates:
            kept[instance] = 1 if view.affinity_blocks[instance] >= needed else 0
