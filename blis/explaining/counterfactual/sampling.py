"""Which decisions are tried otherwise: a stratified sample, so that every part of the run is represented."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blis.foundation.checks import check_int, check_keys, check_number
from blis.foundation.randomness import stream
from blis.foundation.units import Int64Vector


@dataclass(frozen=True, slots=True)
class Sampling:
    """How much is tried."""

    decisions: int = 200  #: ≥ 0, routing decisions
    admissions: int = 50  #: ≥ 0, admission decisions
    alternatives: int = 3  #: ≥ 1, other instances tried for each routing decision, the most promising ones
    horizon_s: float = 2.0  #: ≥ 0 [s], how much longer than the request the others are watched

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Sampling":
        """Check the keys of `Sampling`; those not given keep their defaults.

        Raises
        ------
        ConfigError
            If a key is unknown or a value wrong.
        """
        given = check_keys(where, mapping, tuple(cls.__dataclass_fields__))
        default = cls()
        values = {name: getattr(default, name) if given.get(name) is None else given[name] for name in cls.__slots__}
        return cls(
            decisions=check_int(f"{where}.decisions", values["decisions"], 0),
            admissions=check_int(f"{where}.admissions", values["admissions"], 0),
            alternatives=check_int(f"{where}.alternatives", values["alternatives"], 1),
            horizon_s=check_number(f"{where}.horizon_s", values["horizon_s"], 0, 1e9, unit="s"),
        )


def stratified(n_decisions: int, wanted: int, seed: int, name: str) -> Int64Vector:
    """Ranks of at most `wanted` decisions of `n_decisions`, ascending: one at random from each of as many equal strata.

    Parameters
    ----------
    n_decisions, wanted : int ≥ 0
    seed : int ≥ 0
    name : str
        Kind of decision; kinds are drawn independently.
    """
    if wanted >= n_decisions or wanted == 0:
        # All of them, or none.
        return np.arange(min(wanted, n_decisions), dtype=np.int64)
    edges = np.arange(wanted + 1) * n_decisions // wanted
    return stream(seed, "counterfactual", name).integers(edges[:-1], edges[1:])
