"""What a language model is told of a candidate: how it compares, which rules it broke, and what its decisions cost."""

from collections.abc import Mapping, Sequence

from evolve.judging.scoring import Judgement

#: Figures that are always told, by the names that `blis.run` prints.
TOLD = (
    "slo_attainment", "goodput_rps", "ttft_mean_ms", "ttft_p99_ms", "e2e_mean_ms", "e2e_p99_ms", "itl_p99_ms",
    "cache_hit_rate", "preemptions", "rejected_requests", "dropped_requests", "load_imbalance",
)  # fmt: skip
MOST_LETTERS = 8_000
_MOST_REASONS = 6


def feedback(
    judgement: Judgement,
    parts: Mapping[str, float],
    baselines: Mapping[str, float],
    explained: str,
    where: str,
    notes: Sequence[str],
) -> str:
    """The text.

    Parameters
    ----------
    judgement : Judgement
        Of the candidate in training.
    parts : mapping of str to float
        Its merit by scenario or family.
    baselines : mapping of str to float
        Fitness of the known policies, by name.
    explained : str
        Summary of a traced run, worst decisions included.
    where : str
        Which scenario that was.
    notes : sequence of str
        What else should be known.
    """
    score = judgement.score
    best = sorted(baselines.items(), key=lambda pair: -pair[1])[:3]
    lines = [
        "# How the candidate did",
        "",
        f"- Fitness {score.fitness:.4f}: 1 is as good as the best known policy of each scenario, more is better; below "
        "0 a constraint is broken.",
        f"- Known policies: {', '.join(f'{name} {value:.4f}' for name, value in best)}.",
        *(f"- In {name}: {value:.4f}." for name, value in parts.items()),
        *(f"- {reason}" for reason in judgement.reasons[:_MOST_REASONS]),
        *(f"- {note}" for note in notes),
    ]
    told = [(name, judgement.figures[name]) for name in TOLD if judgement.figures.get(name) is not None]
    if told:
        lines += ["", "## Mean figures", "", *(f"- {name}: {value:.5g}" for name, value in told)]
    if explained:
        lines += ["", f"# One of its runs, in {where}", "", explained.replace("\n# ", "\n## ").strip()]
    text = "\n".join(lines) + "\n"
    return text if len(text) <= MOST_LETTERS else text[:MOST_LETTERS].rsplit("\n", 1)[0] + "\n(cut)\n"
