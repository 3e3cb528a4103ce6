"""What compiled policies answer in fixed `situations`, asked the way the simulator asks them."""

import numpy as np

from blis.engine._jit import cached_kernel, kernel
from blis.engine.choice import LOWEST_INDEX
from blis.engine.program import evaluate_routing
from blis.engine.reference import by_reference
from blis.engine.views import BatchView, QueueView, RequestView, RouterView, order_at, prioritise_at, victim_at
from blis.foundation.slo_targets import SHIPPED
from blis.foundation.units import Float64Vector, Int64Vector
from evolve.genomes.situations import BLOCK_SIZES_TOKENS

#: Of each SLO class: a scenario's own tell apart no policies that these do not.
_TTFT_TARGETS_US = np.array(SHIPPED.ttft_targets_us())
_ITL_TARGETS_US = np.array(SHIPPED.itl_targets_us())
#: More than a situation has: in one, every instance is a candidate.
_INSTANCES = np.arange(64)


@cached_kernel
def score_instances(
    program: Float64Vector,
    stack: Float64Vector,
    clock_us: Int64Vector,
    signals: np.ndarray,
    sent_prompts: np.ndarray,
    expected_us: np.ndarray,
    session_instance: Int64Vector,
    routed: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Work out the value of a routing program for every instance of every situation.

    Parameters
    ----------
    program, stack : float64 (k,), (STACK_SIZE * instances,)
        The encoded formula and room to work in.
    clock_us, signals, sent_prompts, expected_us, session_instance, routed
        See `evolve.genomes.situations.Situations`.
    scores : float64 (situations, instances)
        Filled.
    """
    n_instances = signals.shape[2]
    candidates = _INSTANCES[:n_instances]
    for place in range(len(clock_us)):
        seen, block_size_tokens = signals[place], BLOCK_SIZES_TOKENS[place % 2]
        view = by_reference(
            RouterView(
                clock_us[place], n_instances, candidates, block_size_tokens, seen[0],
                seen[0], seen[1], seen[2], seen[3], seen[4], seen[5], seen[6], seen[7],
                seen[8], seen[9], seen[10], seen[11], seen[12], seen[13], seen[14], seen[15],
                seen[16], seen[17], seen[18], sent_prompts[place], session_instance[place],
                expected_us[place, 0], expected_us[place, 1], LOWEST_INDEX, LOWEST_INDEX, 0, scores,
                seen[0], seen[0], seen[0], expected_us[place, 0], seen[0], seen[0], seen[0],
            )
        )  # fmt: skip
        request = by_reference(_request(routed[place], block_size_tokens, 0.0))
        evaluate_routing(program, stack, view, request, scores[place])


@cached_kernel
def rank_requests(
    answers: Int64Vector,
    priority_parameters: Float64Vector,
    scheduling_parameters: Float64Vector,
    memory: Float64Vector,
    clock_us: Int64Vector,
    queue: np.ndarray,
    waiting: np.ndarray,
    priorities: np.ndarray,
    keys: np.ndarray,
) -> None:
    """Work out how urgent every request of every queue is, and its place in the scheduler's order.

    Parameters
    ----------
    answers : int64 (3,)
        Addresses of the priority, scheduling and preemption policies.
    priority_parameters, scheduling_parameters, memory : float64 (k,)
        Of the policies; those of the scheduler keep nothing.
    clock_us : int64 (situations,)
        When to look.
    queue, waiting
        See `evolve.genomes.situations.Situations`.
    priorities, keys : float64 (situations, requests)
        Filled; larger is more urgent, smaller is taken first.
    """
    zero: int = np.int64(0)  # type: ignore[assignment]
    for place in range(len(queue)):
        block_size_tokens = BLOCK_SIZES_TOKENS[place % 2]
        state = queue[place]
        view = by_reference(
            QueueView(clock_us[place], zero, state[1], state[2], state[3], state[4], zero, zero, zero, 0.0)
        )
        for request in range(waiting.shape[1]):
            seen = by_reference(_request(waiting[place, request], block_size_tokens, 0.0))
            priority = prioritise_at(answers[0])(view, seen, priority_parameters, memory)
            ranked = by_reference(_request(waiting[place, request], block_size_tokens, priority))
            priorities[place, request] = priority
            keys[place, request] = order_at(answers[1])(view, ranked, scheduling_parameters, memory)


@cached_kernel
def name_victims(
    answers: Int64Vector,
    parameters: Float64Vector,
    memory: Float64Vector,
    clock_us: Int64Vector,
    waiting: np.ndarray,
    priorities: np.ndarray,
    room: np.ndarray,
    victims: np.ndarray,
) -> None:
    """Work out who gives way first, second ... in every batch, as positions among those that are left.

    Parameters
    ----------
    answers : int64 (3,)
        As in `rank_requests`.
    parameters, memory : float64 (k,)
        Of the preemption policy.
    clock_us, waiting
        See `evolve.genomes.situations.Situations`: the requests of a queue, now taken to be running.
    priorities : float64 (situations, requests)
        As `rank_requests` found them.
    room : float64 (6, requests)
        To work in.
    victims : int64 (situations, requests)
        Filled.
    """
    for place in range(len(waiting)):
        count = waiting.shape[1]
        for request in range(count):
            room[0, request] = priorities[place, request]
            room[1, request] = waiting[place, request, 0]
            room[2, request] = waiting[place, request, 1]
            room[3, request] = waiting[place, request, 1]
            room[4, request] = waiting[place, request, 4]
            room[5, request] = request
        for turn in range(waiting.shape[1]):
            left = np.int64(count)
            view = BatchView(
                clock_us[place],
                left,  # type: ignore[arg-type]
                room[0],
                room[1],
                room[2],
                room[3],
                room[4],
                room[5],
            )
            chosen = victim_at(answers[2])(view, parameters, memory)
            victims[place, turn] = chosen
            count -= 1
            for row in range(room.shape[0]):
                for later in range(chosen, count):
                    room[row, later] = room[row, later + 1]


@kernel
def _request(columns: Int64Vector, block_size_tokens: int, priority: float) -> RequestView:
    """The view of a request from its columns."""
    zero = np.int64(0)
    return RequestView(
        zero,  # type: ignore[arg-type]
        columns[0],
        columns[1],
        columns[1] // block_size_tokens,
        columns[2],
        zero,  # type: ignore[arg-type]
        zero,  # type: ignore[arg-type]
        columns[3],
        zero,  # type: ignore[arg-type]
        columns[4],
        priority,
        _TTFT_TARGETS_US[columns[2]],
        0.0,
        _ITL_TARGETS_US[columns[2]],
        np.int64(-1),  # type: ignore[arg-type]
    )
