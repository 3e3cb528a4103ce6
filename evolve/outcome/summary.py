"""The summary of a search for people: what was searched, what was found, and how it compares where it was not chosen.

Equal searches give equal texts: nothing of the wall clock is in them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evolve.comparing.comparison import Comparison, compare, strongest
from evolve.comparing.hierarchy import Hierarchy, hierarchy_of
from evolve.comparing.objectives import read_objectives
from evolve.comparing.verdict import outlook
from evolve.judging.fitness import Judgement
from evolve.outcome import Finals
from evolve.outcome.champion import choice_text
from evolve.outcome.endpoint_picker import FILE as ENDPOINT_PICKER
from evolve.outcome.endpoint_picker import endpoint_picker
from evolve.outcome.scorer_port import FILE as SCORER_PORT
from evolve.outcome.scorer_port import scorer_port
from evolve.outcome.stability import finalist_names
from evolve.plan import Plan
from evolve.plan.budget import Spending
from evolve.records import Record
from evolve.selection.individual import Individual

#: The roles in which champion and baselines were judged with equal seeds, and what each can say.
ROLES = {
    "train": "training scenarios, unseen seeds (chose the champion)",
    "validation": "validation scenarios (chose the champion)",
    "test": "test scenarios (seen once, after the choice)",
}


def summary_text(plan: Plan, spending: Spending, finals: Finals) -> str:
    """The summary of a finished search, as Markdown."""
    champion = finals.champion
    judged = {"train": champion.train, "validation": champion.validation, "test": finals.test}
    lines = [
        *_head(plan),
        "",
        _first_look(plan, finals),
        "",
        "## Champion",
        "",
        *_description(plan, champion.individual),
        "",
        f"Found in generation {champion.individual.generation}; complexity {champion.individual.size:g}. "
        "To repeat a run of its test, in this folder:",
        "",
        *_command(plan, finals.test),
        "",
        "## To apply it",
        "",
        *_to_apply(plan, champion.individual),
        "",
        "## Fitness",
        "",
        "Relative to the best baseline of each scenario (1: as good as it everywhere; above 1: better).",
        "",
        "| policy | train | validation | test |",
        "|---|---|---|---|",
        _row("champion", [judged[role] for role in ROLES]),
        *(_row(name, [finals.baselines[role][name] for role in ROLES]) for name in finals.baselines["test"]),
    ]
    lines += ["", "## On what the choice rests", "", *_choice(plan, finals)]
    for role, words in ROLES.items():
        lines += [
            "",
            f"## Champion against each baseline: {words}",
            "",
            *_comparisons(plan, finals, role, judged[role]),
        ]
    lines += ["", "## What was searched", "", *_searched(plan, spending)]
    return "\n".join(lines) + "\n"


def unfinished_text(plan: Plan, best: Individual, status: str) -> str:
    """The summary of a search that did not come to its end."""
    lines = [
        *_head(plan),
        "",
        f"The search was {status} before its finals: champion.yaml is the best in training so far (fitness "
        f"{best.score.fitness:.4f}), which may be luck. To go on: `python -m evolve.run resume=FOLDER`.",
        "",
        *_description(plan, best),
    ]
    return "\n".join(lines) + "\n"


def _first_look(plan: Plan, finals: Finals) -> str:
    """How the champion does on the suite's own seeds, which is no verdict: every search meets them."""
    hardest = strongest(compared(plan, finals, "test", finals.test))
    text = (
        f"The champion's gain over the strongest baseline of the test, {hardest.rival}, is {hardest.overall} by the "
        "suite's own seeds. That is a first look and no verdict, as all searches share these seeds; the verdict is the "
        "report's (report.md, or `python -m evolve.report FOLDER`), by seeds of this search alone."
    )
    if hardest.hierarchy is not None:
        text += f" {outlook([hardest])}"
    violation = finals.test.score.violation
    return text + (f" It BREAKS constraints there (violation {violation:.3g})." if violation > 0.0 else "")


def compared(plan: Plan, finals: Finals, role: str, judgement: Judgement) -> list[Comparison]:
    """The champion against each baseline in a role, run by run on equal requests."""
    scenarios = list(dict.fromkeys(task.scenario for task, _ in judgement.records))  # families: of this turn
    figures = [one for one in read_objectives(plan.goals) if one.name != "complexity"]  # it is no figure of a run
    objectives = figures or read_objectives(plan.goals)
    ours = _by_scenario(judgement)
    compared = [
        compare(name, scenarios, ours, _by_scenario(theirs), objectives, plan.labels.seed)
        for name, theirs in finals.baselines[role].items()
    ]
    hierarchy = _hierarchy(plan, role, scenarios) if plan.suite.families else None
    return [replace(one, hierarchy=hierarchy) for one in compared]


def _hierarchy(plan: Plan, role: str, scenarios: Sequence[str]) -> Hierarchy | None:
    """The families of these scenarios, and which of them the search has met, of a test."""
    met = [one for other in ("train", "validation") for one in plan.suite.scenarios[other]] if role == "test" else []
    return hierarchy_of([plan.suite.scenario(name) for name in scenarios], met)


def _by_scenario(judgement: Judgement) -> list[list[Record]]:
    rows: dict[str, list[Record]] = {}
    for task, record in judgement.records:
        rows.setdefault(task.scenario, []).append(record)
    return list(rows.values())


def _head(plan: Plan) -> list[str]:
    labels = plan.labels
    return [f"# {labels.problem}: {labels.algorithm}, suite {labels.suite}, seed {labels.seed}"]


def _description(plan: Plan, individual: Individual) -> list[str]:
    return [f"- {gene}: `{line}`" for gene, line in plan.problem.describe(individual.genome).items()]


def _command(plan: Plan, judgement: Judgement) -> list[str]:
    task, _ = judgement.records[0]
    scenario = plan.suite.scenario(task.scenario)
    words = ["blis policies=champion.yaml", f"scenario={scenario.file.source}"]
    words += [f"scenario.load={scenario.load:g}"] if scenario.load != scenario.file.load else []
    words += [f"scenario.physics={scenario.physics}"] if scenario.physics else []
    words += [f"'workload.stretch=[{scenario.stretch[0]:g},{scenario.stretch[1]:g}]'"] if scenario.stretch else []
    return ["```", " ".join([*words, f"scenario.num_requests={task.num_requests}", f"seed={task.seed}"]), "```"]


def _to_apply(plan: Plan, individual: Individual) -> list[str]:
    """Which files say what the champion does, to whom."""
    policies = plan.problem.decode(individual.genome).policies
    text, note = endpoint_picker(policies)
    router = (
        f"`{ENDPOINT_PICKER}` for llm-d's router. {note}"
        if text is not None
        else f"for llm-d's router: none, as {note}"
    )
    port = "" if scorer_port(policies) is None else f" `{SCORER_PORT}` has the formula as a plugin's pseudo-code."
    return ["- `champion.yaml` for `blis policies=` and `python -m evolve.compare`", f"- {router}{port}"]


def _choice(plan: Plan, finals: Finals) -> list[str]:
    """The places of those that were judged to the end, and the best and the worst with a scenario left out."""
    text, found = choice_text(plan, finals), finals.stability
    if found.n_finalists < 2:
        return [text]
    names = finalist_names(plan, [finalist.individual for finalist in finals.finalists[: found.n_finalists]])
    lines = [text, "", "| finalist judged to the end | place | places with one scenario left out |", "|---|---|---|"]
    for place, name in enumerate(names):
        own = [without[place] for without in found.places.values()]
        spread = f"{min(own)} to {max(own)}" if min(own) < max(own) else f"{own[0]}"
        lines.append(f"| {'champion: ' if place == 0 else ''}{name} | {place + 1} | {spread} |")
    return lines


def _row(name: str, judgements: Sequence[Judgement]) -> str:
    cells = []
    for judgement in judgements:
        score = judgement.score
        cells.append(f"{score.fitness:.4f}" if score.is_feasible else f"breaks constraints by {score.violation:.3g}")
    return f"| {name} | {' | '.join(cells)} |"


def _comparisons(plan: Plan, finals: Finals, role: str, judgement: Judgement) -> list[str]:
    comparisons = compared(plan, finals, role, judgement)
    scenarios = list(comparisons[0].places)
    lines = [
        f"Gain with its 95 % interval over {comparisons[0].overall.n_pairs} paired runs.",
        "",
        f"| against | all | {' | '.join(scenarios)} | won : lost |",
        "|---|---|" + "---|" * (len(scenarios) + 1),
    ]
    for one in comparisons:
        cells = [str(one.overall), *(str(one.places[name]) for name in scenarios), f"{one.wins} : {one.losses}"]
        lines.append(f"| {one.rival} | {' | '.join(cells)} |")
    reasons = [f"- {reason}" for reason in judgement.reasons]
    return [*lines, *(["", "The champion breaks constraints here:", "", *reasons] if reasons else [])]


def _searched(plan: Plan, spending: Spending) -> list[str]:
    limits: Mapping[str, int | None] = plan.document["budget"]
    given = ", ".join(f"{name} {value:,}" for name, value in limits.items() if value is not None)
    rungs = "; ".join(f"{rung.num_requests or 'all'} requests x {rung.seeds} seeds" for rung in plan.ladder.rungs)
    return [
        f"- objectives: {', '.join(plan.objectives)}",
        f"- budget: {given}",
        f"- spent: {spending.generations:,} generations, {spending.evaluations:,} evaluations, {spending.requests:,} "
        f"simulated requests; {spending.cache_hits:,} evaluations were known already, {spending.failures:,} failed",
        f"- ladder: {rungs}",
        *(f"- {role}: {_scenarios(plan, role)}" for role in ROLES),
        *(f"- note: {note}" for note in plan.notes),
    ]


def _scenarios(plan: Plan, role: str) -> str:
    if plan.suite.families:
        return plan.suite.described(role)
    return ", ".join(one.name for one in plan.suite.scenarios[role])
