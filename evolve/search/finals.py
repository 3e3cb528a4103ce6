"""Chooses the champion: whoever did best in training may have been lucky, so the best are judged again where luck
cannot repeat.

Finalists are the archive's best, those of the rest of it that are most unlike them (of a front: its least crowded
members), and the known policies. They meet the training scenarios with seeds that nobody has seen (of families, members
that nobody has met), and the validation scenarios, in rounds: after each the worse half goes home
(`evolve.search.racing`), but of a front all are judged to the end. Who does best in both together is the champion,
unless a known policy is as good but for luck (`evolve.outcome.lead`); only the champion takes the test, once.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from evolve.comparing.objectives import read_objectives
from evolve.judging.fitness import Judgement
from evolve.outcome import Finalist, Finals
from evolve.outcome.lead import Lead, lead_of
from evolve.outcome.stability import finalist_names, merit, stability
from evolve.plan import Plan
from evolve.records import Record, Score
from evolve.search.history import Evaluation, Subject
from evolve.search.ledger import Ledger
from evolve.search.racing import race, rounds
from evolve.selection.individual import Individual, score_state
from evolve.selection.ranking import best_first, diverse, front, without_duplicates
from evolve.trackers import Tracker


def hold_finals(
    plan: Plan, ledger: Ledger, best: Sequence[Individual], tracker: Tracker
) -> tuple[Finals, list[Evaluation]]:
    """Judge the best again, and let the champion take the test: how it went, and its rows for the history.

    Parameters
    ----------
    plan : Plan
    ledger : Ledger
    best : sequence of Individual
        The archive's, the best first.
    tracker : Tracker
        Hears of the progress.

    Raises
    ------
    BlisError
        If a baseline fails.
    """
    plan.meet(ledger.spending.generations - 1)  # where all of the best have been judged
    candidates = without_duplicates([*finalists(plan, best), *_known(plan)])
    plan.meet("finals")
    seeds = plan.suite.seeds["validation"]

    def judge(left: Sequence[Individual], n_seeds: int) -> list[Finalist]:
        return judged_again(plan, left, seeds[:n_seeds], tracker.progress)

    is_one = len(plan.objectives) == 1
    places = race(candidates, judge, _merit, rounds(len(seeds)) if is_one else [len(seeds)])
    ranked: list[Finalist] = [place.judged for place in places]
    to_the_end: list[Finalist] = [place.judged for place in places if place.n_seeds == len(seeds)]
    known = _best_known(plan, ranked) if is_one else None
    lead = None
    if known is not None and known is not ranked[0]:
        if known not in to_the_end:
            known = judged_again(plan, [known.individual], seeds)[0]
            ranked, to_the_end = _replaced(ranked, known), [*to_the_end, known]
        lead = _lead(plan, ranked[0], known)
        if lead is not None and lead.is_luck:
            ranked, to_the_end = _first(known, ranked), _first(known, to_the_end)
    by_digest = {finalist.individual.digest: finalist for finalist in to_the_end}
    champion = ranked[0]
    stable = stability(without_each(plan, to_the_end), [finalist.individual.size for finalist in to_the_end])
    plan.judge.open_test()
    (test,) = plan.judge.score(
        [plan.problem.decode(champion.individual.genome)], "test", plan.suite.seeds["test"], None, tracker.progress
    )
    rows: list[Evaluation] = []
    baselines = {}
    for role, chosen in (("train", seeds), ("validation", seeds), ("test", plan.suite.seeds["test"])):
        baselines[role] = plan.judge.baselines(role, chosen, None)
        for place, (name, judgement) in enumerate(baselines[role].items()):
            subject = Subject("baseline", -1, place, name, {}, "", (), "", judgement.score)
            rows += ledger.book(subject, judgement, role)
    for place, finalist in enumerate(ranked):
        rows += _rows(plan, ledger, "final", place, finalist.individual, finalist.train, "train")
        rows += _rows(plan, ledger, "final", place, finalist.individual, finalist.validation, "validation")
    rows += _rows(plan, ledger, "test", 0, champion.individual, test, "test")
    members = [by_digest[individual.digest] for individual in front([finalist.individual for finalist in to_the_end])]
    return Finals(champion, ranked, members, test, baselines, stable, lead), rows


def judged_again(
    plan: Plan, left: Sequence[Individual], seeds: Sequence[int], done: Callable[[int], None] = lambda count: None
) -> list[Finalist]:
    """Candidates on the training scenarios and on the validation scenarios, with these seeds."""
    phenotypes = [plan.problem.decode(individual.genome) for individual in left]
    train = plan.judge.score(phenotypes, "train", seeds, None, done)
    validation = plan.judge.score(phenotypes, "validation", seeds, None, done)
    return [
        Finalist(_rescored(individual, together(first.score, second.score)), first, second)
        for individual, first, second in zip(left, train, validation, strict=True)
    ]


def without_each(plan: Plan, judged: Sequence[Finalist]) -> list[dict[str, Score]]:
    """Of each finalist that was judged to the end the score without a scenario, or a family, for every one of them."""
    phenotypes = [plan.problem.decode(finalist.individual.genome) for finalist in judged]
    seeds = plan.suite.seeds["validation"]
    train, validation = (plan.judge.leaving_out(phenotypes, role, seeds) for role in ("train", "validation"))
    names = [list(plan.judge.parts(role)) for role in ("train", "validation")]
    return [
        {
            name: rest
            for name in dict.fromkeys((*names[0], *names[1]))
            if (
                rest := _both(
                    _left(name, names[0], finalist.train.score, first),
                    _left(name, names[1], finalist.validation.score, second),
                )
            )
        }
        for finalist, first, second in zip(judged, train, validation, strict=True)
    ]


def _best_known(plan: Plan, ranked: Sequence[Finalist]) -> Finalist | None:
    """The known policy that came farthest."""
    known = {plan.problem.digest(genome) for genome in plan.first}
    return next((one for one in ranked if one.individual.digest in known), None)


def _lead(plan: Plan, best: Finalist, known: Finalist) -> Lead | None:
    """How far a new policy that did best is ahead of the best known one, if that keeps constraints as well."""
    if known.individual.score.is_feasible < best.individual.score.is_feasible:
        return None
    ours, theirs = _by_scenario(best), _by_scenario(known)
    parts = [
        [(role, scenario) for scenario in part]
        for role in ("train", "validation")
        for part in plan.judge.parts(role).values()
    ]
    names = finalist_names(plan, [best.individual, known.individual])
    return Lead(names[1], names[0], *lead_of(ours, theirs, parts, read_objectives(plan.goals)))


def _replaced(judged: Sequence[Finalist], again: Finalist) -> list[Finalist]:
    """The same with a later judgement of one of them."""
    return [again if one.individual.digest == again.individual.digest else one for one in judged]


def _first(chosen: Finalist, judged: Sequence[Finalist]) -> list[Finalist]:
    """One of them before all others."""
    return [chosen, *(one for one in judged if one.individual.digest != chosen.individual.digest)]


def _by_scenario(finalist: Finalist) -> dict[tuple[str, str], list[Record]]:
    """(role, scenario) -> a record for each seed."""
    rows: dict[tuple[str, str], list[Record]] = {}
    for role, judgement in (("train", finalist.train), ("validation", finalist.validation)):
        for task, record in judgement.records:
            rows.setdefault((role, task.scenario), []).append(record)
    return rows


def _left(scenario: str, names: Sequence[str], whole: Score, without: Mapping[str, Score]) -> Score | None:
    """What is left of a role's score without a scenario; None if it consists of nothing else."""
    return whole if scenario not in names else without.get(scenario)


def _both(one: Score | None, other: Score | None) -> Score | None:
    return together(one, other) if one is not None and other is not None else one or other


def finalists(plan: Plan, best: Sequence[Individual]) -> list[Individual]:
    """Those of the best that are judged again; what each is worth in each training scenario is known already."""
    if len(plan.objectives) > 1:
        return best_first(best, plan.finalists)
    if len(best) <= plan.finalists:
        return list(best)
    top = plan.ladder.top
    phenotypes = [plan.problem.decode(individual.genome) for individual in best]
    judged = plan.judge.score(phenotypes, "train", plan.suite.seeds["train"][: top.seeds], top.num_requests)
    worth = [[math.log(value) for (value,) in judgement.values.values()] for judgement in judged]
    return diverse(best, worth, plan.finalists)


def together(one: Score, other: Score) -> Score:
    """Both scores as one: the geometric means of their objectives, and all that they break."""
    means = tuple(math.sqrt(first * second) for first, second in zip(one.objectives, other.objectives, strict=True))
    return Score(means, one.violation + other.violation)


def _merit(finalist: Finalist) -> tuple[bool, float, float]:
    return merit(finalist.individual.score, finalist.individual.size)


def _known(plan: Plan) -> list[Individual]:
    unscored = Score((1.0,) * len(plan.objectives))
    return [
        Individual(genome, unscored, plan.problem.digest(genome), plan.problem.complexity(genome))
        for genome in plan.first
    ]


def _rescored(individual: Individual, score: Score) -> Individual:
    return Individual.from_state({**individual.state(), "score": score_state(score)})


def _rows(
    plan: Plan, ledger: Ledger, stage: str, place: int, individual: Individual, judgement: Judgement, role: str
) -> list[Evaluation]:
    subject = Subject(
        stage, individual.generation, place, "", individual.genome, individual.digest, individual.parents,
        plan.behaviour(individual.genome), judgement.score,
    )  # fmt: skip
    return ledger.book(subject, judgement, role)
