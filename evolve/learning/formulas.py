"""Learns formulas: sums of few terms, chosen one after the other by what each adds (forward selection).

Terms are what the published formulas are made of: signals, and products of work with the requests that share it. A sum
says what single weights cannot: how many tokens to compute are worth one request more, or a share of memory.
"""

from collections.abc import Iterator

import numpy as np

from blis.engine.features import ROUTING_FEATURES
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from evolve.genomes.expression import parse
from evolve.genomes.program import SHARED_FEATURES, GeneKind
from evolve.learning.evaluating import values
from evolve.learning.ranking import Pairs, fitted_signed, loss, pairs_of
from evolve.practice import Lessons
from evolve.records import Value

#: Products and roots that are tried beside the features themselves.
_FURTHER = (
    "queued_tokens uncached_tokens add",
    "queued_tokens uncached_tokens add in_flight_requests 1 add mul",
    "uncached_tokens in_flight_requests mul",
    "uncached_tokens used_share mul",
    "in_flight_requests used_share mul",
    "used_share used_share mul",
    "in_flight_requests in_flight_requests mul",
    "in_flight_requests urgency mul",
    "uncached_tokens sqrt",
    "in_flight_requests log1p",
    "queued_tokens uncached_tokens add in_flight_requests 1 add mul 1.02 used_share sub div",
)

#: Terms of the longest sum.
MOST_TERMS = 4
_RIDGE = 3e-4
_DIGITS = 3


def learn(gene: GeneKind, lessons: Lessons, incumbent: Value | None) -> list[Value]:
    """Sums of two terms and more from each horizon, and the incumbent with the best correction.

    Parameters
    ----------
    gene : GeneKind
    lessons : Lessons
    incumbent : value of the gene, or None
        Whose lessons they are, if it is a formula too.
    """
    terms = _terms(gene, lessons)
    paths = []
    for horizon in range(len(lessons.horizons_s)):
        pairs = pairs_of(lessons, horizon)
        if len(pairs.better) and terms:
            sums = list(_sums(terms, pairs, ()))
            paths.append(sums[1:][::-1] + sums[:1])
            if incumbent is not None:
                corrected = {incumbent: _of_formula(incumbent, lessons), **terms}
                paths.append([one for one in _sums(corrected, pairs, (incumbent,)) if one != incumbent][:2])
    longest = max(map(len, paths), default=0)
    in_turn = [path[place] for place in range(longest) for path in paths if place < len(path)]
    return [value for text in in_turn for value in _checked(gene, text)]


def _terms(gene: GeneKind, lessons: Lessons) -> dict[str, Float64Vector]:
    """Terms that the gene's features allow, and that differ between instances: postfix text -> (rows,) values."""
    texts = [name for name in gene.features if name not in SHARED_FEATURES["routing"]]
    texts += [one for one in _FURTHER if {*one.split()} & {*ROUTING_FEATURES} <= {*gene.features}]
    return {text: _of_formula(text, lessons) for text in texts}


def _of_formula(text: str, lessons: Lessons) -> Float64Vector:
    columns = dict(zip(ROUTING_FEATURES, lessons.features.T, strict=True))
    return np.broadcast_to(values(parse(text), columns, lessons.decision), len(lessons.decision)).astype(np.float64)


def _sums(terms: dict[str, Float64Vector], pairs: Pairs, chosen: tuple[str, ...]) -> Iterator[str]:
    """The best sum of one term more each time, as postfix text."""
    scale = {text: float(np.sqrt(np.mean((one[pairs.better] - one[pairs.worse]) ** 2))) for text, one in terms.items()}
    usable = [text for text in terms if np.isfinite(scale[text]) and scale[text] > 0.0]
    chosen = tuple(text for text in chosen if text in usable)
    while len(chosen) < min(MOST_TERMS, len(usable)):
        best: tuple[float, tuple[str, ...], Float64Vector] | None = None
        for text in usable:
            if text in chosen:
                continue
            tried = (*chosen, text)
            signals = np.column_stack([terms[one] / scale[one] for one in tried])
            weights = fitted_signed(signals, pairs, _RIDGE)
            missing = loss(signals, pairs, weights)
            if best is None or missing < best[0]:
                best = missing, tried, weights
        if best is None:
            return
        chosen = best[1]
        yield _text({text: weight / scale[text] for text, weight in zip(chosen, best[2], strict=True)})


def _text(coefficients: dict[str, float]) -> str:
    """The sum as postfix text, with the first term's coefficient 1 or -1: only ratios matter."""
    largest = abs(next(iter(coefficients.values()))) or 1.0
    parts = [
        f"{text} {float(f'{weight / largest:.{_DIGITS}g}')!r} mul" for text, weight in coefficients.items() if weight
    ]
    while len(parts) > 1:  # in pairs, so that it does not get deep
        parts = [
            " ".join([*parts[place : place + 2], "add"][: 3 if place + 1 < len(parts) else 1])
            for place in range(0, len(parts), 2)
        ]
    return parts[0] if parts else "0"


def _checked(gene: GeneKind, text: str) -> list[Value]:
    """The formula as a value; nothing if it is larger than the gene allows."""
    try:
        value = gene.check("formula", text)
    except ConfigError:
        return []
    return [] if value == "0" else [value]
