"""Outputs that begin with a chain of thought."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from blis.foundation.checks import check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import Float64Vector, Int64Vector
from blis.workload.drawing.lengths import Lengths, lengths_or_number


class Outputs(NamedTuple):
    """Outputs of n requests."""

    tokens: Int64Vector  #: (n,) thought included [tokens]
    reason_ratio: Float64Vector  #: (n,) part of them that is thought, [0, 1]


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How much of an output is thought: as a percentage of it, or as a chain on top of the answer."""

    percent: Lengths | None = None  #: draws beyond 100 count as 100
    chain: Lengths | None = None  #: [tokens]; at most one of the two is given

    def draw(self, seed: int, names: tuple[str | int, ...], answers: Int64Vector) -> Outputs:
        """Add the thoughts to `answers` [tokens], drawn from streams under `names`."""
        n = len(answers)
        if self.chain is not None:
            chains = self.chain.draw(stream(seed, *names, "chain"), n)
            tokens = answers + chains
            return Outputs(tokens, chains / np.maximum(tokens, 1))
        if self.percent is not None:
            percents = self.percent.draw(stream(seed, *names, "reason_ratio"), n)
            return Outputs(answers, np.minimum(percents, 100) / 100.0)
        return Outputs(answers, np.zeros(n))


def reasoning_from_mapping(where: str, mapping: object) -> Reasoning:
    """The reasoning in a mapping {reason_ratio_distribution, chain_distribution}; multi_turn is read elsewhere.

    Raises
    ------
    ConfigError
        If both distributions are given.
    """
    given = check_keys(where, mapping, ("reason_ratio_distribution", "chain_distribution", "multi_turn"))
    ratio, chain = given.get("reason_ratio_distribution"), given.get("chain_distribution")
    if ratio is not None and chain is not None:
        raise ConfigError(
            f"{where} must have at most one of reason_ratio_distribution and chain_distribution; got both."
        )
    return Reasoning(
        percent=None if ratio is None else lengths_or_number(f"{where}.reason_ratio_distribution", ratio, 0, "%"),
        chain=None if chain is None else lengths_or_number(f"{where}.chain_distribution", chain, 0),
    )
