"""What a latency model may see of a step: sums over its batch, kept up incrementally."""

from typing import NamedTuple


class BatchSums(NamedTuple):
    """Sums over the members that a step serves; n = new tokens, s = tokens already stored, L = prompt length.

    Every field is an int64, so pricing a step costs O(1) whatever the batch.
    """

    prefill_requests: int  #: members that compute prompt tokens
    prefill_tokens: int  #: sum of n over them
    prefill_history_tokens: int  #: sum of s over them
    prefill_attention_x2: int  #: sum of 2 n s + n (n - 1): twice the token pairs attended to by the stored position
    prefill_prompt_attention_x2: int  #: sum of 2 n L + n²: the same by whole prompt length
    decode_requests: int  #: members that produce a further token; each draft that they verify counts as one more
    decode_context_tokens: int  #: sum of s over them


#: The smallest steps there are: one prompt token, or one decode behind a single token.
SMALLEST = (BatchSums(1, 1, 0, 0, 1, 0, 0), BatchSums(0, 0, 0, 0, 0, 1, 1))
