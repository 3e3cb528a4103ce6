"""The published fitness: a weighted sum of rates and latencies, each squeezed into [0, 1].

A rate x counts as x / (x + reference), a latency as 1 / (1 + x / 1 ms). Two traps of it are worth knowing. The
references are fixed: a TTFT of 250 ms counts as 0.004, so that differences between good policies vanish in the sum. And
latencies are those of the requests that completed, so that a policy may gain by rejecting. Compare with it, search
with `blis.fitness.normalized`.

Source: the reference program's `--fitness-weights`.
"""

from collections.abc import Mapping
from typing import Any

from blis.fitness.objectives import Figures, value_of
from blis.foundation.checks import check_choice, check_number, nearest
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

REFERENCE_REQUESTS_PER_S = 100.0  #: where the throughput component is a half
REFERENCE_TOKENS_PER_S = 10_000.0  #: the same of the token component
REFERENCE_MS = 1.0  #: the same of a latency

_RATES = {
    "throughput": ("responses_per_sec", REFERENCE_REQUESTS_PER_S),
    "tokens_per_sec": ("tokens_per_sec", REFERENCE_TOKENS_PER_S),
}
_LATENCIES = {
    f"{statistic}_{times}": f"{times}_{statistic}_ms"
    for times in ("ttft", "e2e")
    for statistic in ("p99", "p50", "mean")
}
COMPONENTS = (*_RATES, *_LATENCIES)


def parse_weights(where: str, text: object) -> dict[str, float]:
    """The weights in `key:value,key:value`; the last of a repeated key holds, an empty text has none.

    Raises
    ------
    ConfigError
        If a piece has no colon, a key is unknown, or a weight not finite and ≥ 0.
    """
    if not isinstance(text, str):
        raise ConfigError(f"{where} must be a text such as throughput:0.5,p99_ttft:0.3; got {shown(text)}.")
    if not text.strip():
        return {}
    weights = {}
    for piece in text.split(","):
        key, colon, value = (part.strip() for part in piece.partition(":"))
        if not colon:
            raise ConfigError(
                f"{where}: every piece between commas must be key:weight; got {shown(piece)}{nearest(key, COMPONENTS)}"
            )
        check_choice(where, key, COMPONENTS)
        try:
            number = float(value)
        except ValueError:
            raise ConfigError(f"{where}.{key} must be a finite number ≥ 0; got {shown(value)}.") from None
        weights[key] = check_number(f"{where}.{key}", number, 0)
    return weights


def component(key: str, value: float | None) -> float:
    """What a rate [1/s] or a latency [ms] counts as, in [0, 1]; 0 if there is none."""
    if value is None:
        return 0.0
    if key in _RATES:
        return value / (value + _RATES[key][1])
    return 1.0 / (1.0 + value / REFERENCE_MS)


def weighted_sum(weights: Mapping[str, float], values: Mapping[str, float | None]) -> dict[str, Any]:
    """The score and its components: their sum in the order of the sorted keys.

    Parameters
    ----------
    weights : mapping of a name in `COMPONENTS` to a number ≥ 0
        They need not sum to 1.
    values : mapping of the same names to a rate [1/s] or a latency [ms]

    Returns
    -------
    dict
        `score`, and `components`: key to what it counts as before it is weighed.
    """
    components = {key: component(key, values[key]) for key in sorted(weights)}
    score = 0.0
    for key, value in components.items():
        score += weights[key] * value
    return {"score": score, "components": components}


def score(weights: Mapping[str, float], figures: Figures) -> dict[str, Any]:
    """The fitness of a run by its figures.

    Differs from the reference program where nothing completed: that takes a latency that does not exist for 0 ms, the
    best there is; here it counts 0.

    Parameters
    ----------
    weights : mapping
        As `parse_weights` gives them.
    figures : mapping
        As `blis.metrics.figures.cluster_figures` gives them.
    """
    sources = {**{key: figure for key, (figure, _) in _RATES.items()}, **_LATENCIES}
    return weighted_sum(weights, {key: value_of(figures, sources[key]) for key in weights})
