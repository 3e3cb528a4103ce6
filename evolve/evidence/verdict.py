"""What the comparisons allow to say, in one sentence."""

from collections.abc import Sequence

from evolve.evidence.comparison import Comparison, strongest


def verdict(comparisons: Sequence[Comparison], violation: float = 0.0) -> str:
    """One sentence that says against whom the champion is better, and against whom it is not.

    It is better than all rivals only if each single interval excludes zero, which needs no correction for their number.

    Parameters
    ----------
    comparisons : sequence of Comparison
        At least one.
    violation : float
        By how much the champion breaks constraints on the test scenarios.
    """
    first = comparisons[0]
    n_pairs = first.overall.n_pairs
    where = f"on {len(first.scenarios)} held-out scenarios ({n_pairs} paired runs)"
    hardest = strongest(comparisons)
    reading = {
        name: [one for one in comparisons if one.overall.reading == name] for name in ("better", "worse", "unclear")
    }
    if reading["worse"]:
        text = f"The champion is NOT better: {where} it is worse than {_named(reading['worse'])}"
    elif reading["unclear"]:
        text = f"The champion is NOT shown to be better {where} than {_named(reading['unclear'])}"
    else:
        text = (
            f"The champion is better than all {len(comparisons)} rivals {where}; its lead over the strongest, "
            f"{hardest.rival}, is {hardest.overall}"
        )
    if reading["better"] and len(reading["better"]) < len(comparisons):
        text += f"; it is better than {_named(reading['better'])}"
    lost = [
        f"{name} to {one.rival} ({effect})"
        for one in comparisons
        for name, effect in one.scenarios.items()
        if effect.reading == "worse" and one.overall.reading == "better"
    ]
    if lost:
        text += f", though it loses on {_listed(lost)}"
    if first.champion_failures:
        text += f"; {first.champion_failures} of its runs FAILED"
    if violation > 0.0:
        text += f"; and it BREAKS the constraints there (violation {violation:.3g})"
    return f"{text}."


def is_better(comparisons: Sequence[Comparison], violation: float = 0.0) -> bool:
    """Whether the champion is better than every rival, without failing or breaking a constraint."""
    return (
        all(one.overall.reading == "better" for one in comparisons)
        and comparisons[0].champion_failures == 0
        and violation == 0.0
    )


def _named(comparisons: Sequence[Comparison]) -> str:
    return _listed([f"{one.rival} ({one.overall})" for one in comparisons])


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
