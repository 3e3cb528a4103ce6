"""How much is served, and how fast."""

from blis.engine.codes import COMPLETED
from blis.outcome import RequestOutcome
from blis.units import US_PER_S, BoolVector, Int64Vector


def throughput_figures(
    requests: RequestOutcome, output_tokens: Int64Vector, input_tokens: int, of: BoolVector, end_us: int
) -> dict[str, int | float | None]:
    """Requests and tokens served over the time until the last event.

    Parameters
    ----------
    requests : RequestOutcome
    output_tokens : (n,) int64
        True lengths: a completed request counts with all its tokens, the first one too; others do not count.
    input_tokens : int
        Of prompts that entered a wait queue.
    of : (n,) bool
        Which requests are asked for.
    end_us : int
        Time of the last event.
    """
    completed = of & (requests.status == COMPLETED)
    n_completed = int(completed.sum())
    n_tokens = int(output_tokens[completed].sum())
    seconds = end_us / US_PER_S
    return {
        "completed_requests": n_completed,
        "total_input_tokens": input_tokens,
        "total_output_tokens": n_tokens,
        "vllm_estimated_duration_s": seconds,
        "responses_per_sec": n_completed / seconds if seconds > 0 else None,
        "tokens_per_sec": n_tokens / seconds if seconds > 0 else None,
    }
