"""Speculative decoding of a pool: how many tokens are drafted ahead of a decode, and how many of them are accepted.

Each draft is accepted with one probability, given that all before it were: then a step's accepted drafts have the
truncated geometric law of Leviathan et al., "Fast Inference from Transformers via Speculative Decoding" (2023),
section 3.1. Their mean is what servers report, so it is what a pool is given; the probability follows from it.
"""

from dataclasses import dataclass

from blis.foundation.checks import check_int, check_keys, check_number

MOST_DRAFT_TOKENS = 1024
MOST_DRAFT_US = 1e6
_HALVINGS = 60  #: of [0, 1] until a probability is as exact as floats are


@dataclass(frozen=True, slots=True)
class Speculative:
    """What a pool drafts, and what becomes of it."""

    draft_tokens: int  #: [1, MOST_DRAFT_TOKENS], drafted for each decode; vLLM's num_speculative_tokens
    accepted_tokens: float  #: [0, draft_tokens], mean of a decode; vLLM's mean acceptance length is one more
    draft_token_us: float = 0.0  #: ≥ 0, µs that drafting one token takes, for a whole batch

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "Speculative":
        """The checked numbers of a plain mapping.

        Raises
        ------
        ConfigError
            If a key is unknown or absent, or a value out of its range.
        """
        given = check_keys(where, mapping, tuple(cls.__slots__), ("draft_tokens", "accepted_tokens"))
        drafts = check_int(f"{where}.draft_tokens", given["draft_tokens"], 1, MOST_DRAFT_TOKENS, "tokens")
        accepted = check_number(f"{where}.accepted_tokens", given["accepted_tokens"], 0, drafts, "tokens")
        own_us = given.get("draft_token_us")
        draft_us = check_number(f"{where}.draft_token_us", 0.0 if own_us is None else own_us, 0, MOST_DRAFT_US, "µs")
        return cls(drafts, accepted, draft_us)

    @property
    def acceptance_rate(self) -> float:
        """Probability of a draft to be accepted, given that those before it were."""
        if self.accepted_tokens >= self.draft_tokens:
            return 1.0
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if _mean_accepted(middle, self.draft_tokens) > self.accepted_tokens:
                high = middle
            else:
                low = middle
        return low

    @property
    def drafting_us(self) -> int:
        """Time that a step with drafts takes longer by their making."""
        return int(self.draft_tokens * self.draft_token_us)


def _mean_accepted(rate: float, draft_tokens: int) -> float:
    """Mean of the accepted drafts: the sum of the probabilities that at least 1, 2, ... of them are."""
    mean, chance = 0.0, 1.0
    for _ in range(draft_tokens):
        chance *= rate
        mean += chance
    return mean
