"""What a user's own policies cost: a compiled router over the native one that it imitates, and decisions in Python."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numba

from blis.engine.choice import best_instance
from experiments.bench import (
    Measurement,
    llama_cluster,
    median_walls_s,
    peak_rss_mb,
    poisson_requests,
    simulate_once,
)

#: What the native `least-loaded` says of itself.
NEEDS: frozenset[str] = frozenset()
SCORES = True


@numba.njit  # type: ignore[misc]
def compiled_least_loaded(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
    """The instance with the fewest requests."""
    for instance in view.candidates:
        scores[instance] = -float(view.effective_load[instance])
    return best_instance(scores, view.candidates, view.tie_draw)


def route(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
    """The instance with the fewest requests, by Python."""
    return int(view.effective_load.argmin())


def admit(view: Any, request: Any, params: Any, memory: Any) -> int:
    """Everything."""
    return 0


def order(view: Any, request: Any, params: Any, memory: Any) -> float:
    """The shortest prompt first."""
    return float(request.input_tokens)


def victim(view: Any, params: Any, memory: Any) -> int:
    """The request that was taken last."""
    return int(view.n_candidates) - 1


def measure() -> Measurement:
    """Ratio of the compiled to the native router; in the note, the time that one decision by Python adds."""
    requests, cluster = poisson_requests(10_000, 40.0), llama_cluster(4)
    run = partial(simulate_once, requests, cluster)
    native_s, compiled_s = median_walls_s(
        [partial(run, {"routing": "least-loaded"}), partial(run, {"routing": compiled_least_loaded})], repeats=15
    )
    short, tight = poisson_requests(2_000, 200.0), llama_cluster(4, kv_blocks=3_000)
    added_us = {
        "routing": _added_us(run, "routing", route, "least-loaded"),
        "admission": _added_us(run, "admission", admit, "always-admit"),
        "scheduling": _added_us(partial(simulate_once, short, cluster), "scheduling", order, "sjf"),
        "preemption": _added_us(partial(simulate_once, short, tight), "preemption", victim, "newest"),
    }
    note = "compiled / native; by Python " + ", ".join(f"{name} {us:.0f} µs" for name, us in added_us.items())
    rate = len(requests) / compiled_s
    must = "ratio < 1.1, routing < 20 µs"
    return Measurement("callables", compiled_s, rate, peak_rss_mb(), must, compiled_s / native_s, note)


def _added_us(run: Callable[[dict[str, Any]], Any], question: str, policy: Callable[..., Any], native: str) -> float:
    """Time that one decision takes longer by Python than natively."""
    n_calls = 0

    def counted(*arguments: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        return policy(*arguments)

    run({question: counted})
    native_s, python_s = median_walls_s([lambda: run({question: native}), lambda: run({question: policy})], repeats=3)
    return 1e6 * (python_s - native_s) / n_calls
