"""What the comparisons allow to say, in one sentence."""

from collections.abc import Sequence

from evolve.comparing.comparison import Comparison, strongest
from evolve.comparing.hierarchy import in_words

#: Rivals and scenarios that the sentence names; tables show all.
MOST_NAMED = 3


def verdict(comparisons: Sequence[Comparison], violation: float = 0.0) -> str:
    """One sentence that says against whom the champion is better, and against whom it is not.

    It is better than all rivals if each single interval lies above zero, which needs no correction for their number:
    one rival that it does not beat suffices to spoil it (Berger, "Multiparameter hypothesis testing and acceptance
    sampling", 1982). What is said of some rivals among many is corrected (`readings`).

    Parameters
    ----------
    comparisons : sequence of Comparison
        At least one.
    violation : float
        By how much the champion breaks constraints on the test scenarios.
    """
    first = comparisons[0]
    hardest = strongest(comparisons)
    n_pairs = hardest.overall.n_pairs
    where = f"on {_scenarios(first)} ({count(n_pairs, 'paired run')})"
    read = readings(comparisons)
    reading = {
        name: [one for one, said in zip(comparisons, read, strict=True) if said == name]
        for name in ("better", "worse", "unclear")
    }
    if reading["worse"]:
        text = f"The champion is NOT better: {where} it is worse than {_named(reading['worse'])}"
        if reading["unclear"]:
            text += f", and not shown to be better than {_named(reading['unclear'])}"
    elif reading["unclear"]:
        text = f"The champion is NOT shown to be better {where} than {_named(reading['unclear'])}"
    else:
        text = (
            f"The champion is better than {'all ' if len(comparisons) > 1 else ''}{count(len(comparisons), 'rival')} "
            f"{where}; its lead over the strongest, {hardest.rival}, is {hardest.overall}"
        )
    if reading["better"] and len(reading["better"]) < len(comparisons):
        text += f"; it is better than {_named(reading['better'])}"
    noisiest, share = hardest.noisiest
    if share > 0.0 and len(hardest.scenarios) > 1:
        text += f" ({noisiest} holds {share:.0%} of the variance)"
    lost = [
        f"{name} to {one.rival} ({effect})"
        for one in reading["better"]
        for name, effect in one.scenarios.items()
        if effect.reading == "worse"
    ]
    if lost:
        text += f", though it loses on {_listed(lost)}"
    if first.champion_failures:
        text += f"; {count(first.champion_failures, 'run')} of it FAILED"
    if violation > 0.0:
        text += f"; and it BREAKS the constraints there (violation {violation:.3g})"
    return f"{text}."


def readings(comparisons: Sequence[Comparison]) -> list[str]:
    """Better, worse or unclear, of each rival: single intervals if all are beaten, else corrected for their number.

    Source: Holm, "A simple sequentially rejective multiple test procedure" (1979), at 5 % for all rivals together.
    """
    single = [one.overall.reading for one in comparisons]
    if all(reading == "better" for reading in single):
        return single
    corrected = ["unclear"] * len(single)
    order = sorted(range(len(single)), key=lambda place: comparisons[place].overall.chance)
    for rank, place in enumerate(order):
        if comparisons[place].overall.chance > 0.05 / (len(single) - rank):
            break
        corrected[place] = single[place]
    return corrected


def outlook(comparisons: Sequence[Comparison]) -> str | None:
    """What to expect of the lead over the strongest rival on other scenarios; None of fewer than three.

    Where scenarios are members of families: on other members, and on other families.
    """
    hardest = strongest(comparisons)
    found = hardest.generalisation
    if found is not None:
        return in_words(found, hardest.rival)
    expected = hardest.elsewhere
    if expected is None:
        return None
    return (
        f"On other scenarios of this kind, of which these {len(hardest.scenarios)} are a sample, expect {expected} "
        f"over {hardest.rival} in the mean (random effects)."
    )


def is_better(comparisons: Sequence[Comparison], violation: float = 0.0) -> bool:
    """Whether the champion is better than every rival, without failing or breaking a constraint."""
    return (
        all(one.overall.reading == "better" for one in comparisons)
        and comparisons[0].champion_failures == 0
        and violation == 0.0
    )


def _scenarios(comparison: Comparison) -> str:
    """How many scenarios there are, and of how many families."""
    if comparison.hierarchy is None or len(comparison.hierarchy.family_of) < len(comparison.scenarios):
        return count(len(comparison.scenarios), "held-out scenario")
    families = len(comparison.hierarchy.families)
    of = "one family" if families == 1 else f"{families} families"
    return f"{count(len(comparison.scenarios), 'held-out member')} of {of}"


def _named(comparisons: Sequence[Comparison]) -> str:
    """The rivals, those that the champion beats by least first."""
    by_gain = sorted(comparisons, key=lambda one: one.overall.gain_percent)
    return _listed([f"{one.rival} ({'equal in every run' if one.is_equal else one.overall})" for one in by_gain])


def _listed(words: Sequence[str]) -> str:
    """The first few, and how many there are more."""
    shown = [*words[:MOST_NAMED], *([f"{len(words) - MOST_NAMED} more"] if len(words) > MOST_NAMED else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def count(number: int, what: str) -> str:
    """The number with its noun, in the plural if it must be."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
