"""All questions of one champion: the same scenarios, rivals and seeds for each of them, in one laboratory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from blis.scenario import Scenario
from evolve.ceiling.hindrances import hindrances
from evolve.comparing import Objective, comparison
from evolve.comparing.comparison import Comparison
from evolve.comparing.hierarchy import hierarchy_of
from evolve.comparing.sequential import compare_until
from evolve.evidence import Condition, Policies, ablation, ceiling, classes, sensitivity, sweeps
from evolve.evidence.applying import TODAY
from evolve.evidence.ceiling import Extent
from evolve.evidence.laboratory import Laboratory
from evolve.evidence.notes import repetition_notes
from evolve.evidence.options import Options
from evolve.evidence.page import MOST_RIVALS
from evolve.evidence.random_rival import NAME
from evolve.judging.scoring import Judgement
from evolve.records import Phenotype
from evolve.settings import Settings
from evolve.trials.suite import ROLES, SuiteScenario


@dataclass(frozen=True)
class Inquiry:
    """Whom it is about, and whom it meets where; `close` it when all is asked."""

    champion: Phenotype
    rivals: Policies
    objectives: Sequence[Objective]
    settings: Settings  #: of the search
    options: Options
    seed_at: Callable[[int], int]  #: the n-th seed of the comparisons, from 0
    done: Callable[[str, int], None]  #: told the question that is being asked, and how many more runs are finished
    notes: list[str]  #: what people should know; questions add to it
    _asked: list[str] = field(default_factory=lambda: ["rivals"], init=False)  #: the question that is being asked

    @property
    def held_out(self) -> Sequence[SuiteScenario]:
        """The scenarios of the test."""
        return self.settings.suite.scenarios[ROLES[-1]]

    @cached_property
    def names(self) -> list[str]:
        """Theirs."""
        return [one.name for one in self.held_out]

    @cached_property
    def some(self) -> list[str]:
        """The first member of each family, and whatever has none: where the dearer questions are asked."""
        first: dict[str, str] = {}
        for one in self.held_out:
            first.setdefault(one.name if one.family is None else f"family {one.family}", one.name)
        return list(first.values())

    @cached_property
    def few(self) -> list[int]:
        """The seeds of the dearer questions."""
        return [self.seed_at(place) for place in range(self.options.sweep_seeds)]

    @cached_property
    def sweeps(self) -> Mapping[str, Any]:
        """Question -> the values that are gone through, and the condition under each."""
        return sweeps.questions(self.held_out)

    @cached_property
    def laboratory(self) -> Laboratory:
        """Where everything is measured."""
        return Laboratory(
            self.held_out,
            [at(name, value) for values, at in self.sweeps.values() for name in self.some for value in values],
            self.options.evaluator,
            lambda count: self.done(self._asked[0], count),
            self.settings.rules.goals.needs_trace,
        )

    @cached_property
    def _common(self) -> dict[str, Any]:
        return {"objectives": self.objectives, "measure": self.laboratory.measure, "seed": self.options.seed}

    def comparisons(self) -> list[Comparison]:
        """The champion with each rival, until it is sure enough."""
        self._asked[0] = "rivals"
        found = compare_until(
            self.champion,
            self.rivals,
            self.names,
            self.objectives,
            self.laboratory.measure_cells,
            self.seed_at,
            self.options.precision,
            self.options.seed,
        )
        seen = [one for role in ROLES[:-1] for one in self.settings.suite.scenarios[role]]
        return [replace(one, hierarchy=hierarchy_of(self.held_out, seen)) for one in found]

    def judged(self) -> Judgement:
        """What the search's own judge says of it on the test, with the first seeds of the comparisons."""
        seeds = [self.seed_at(place) for place in range(self.options.precision.first_seeds)]
        runs = self.laboratory.measure([self.champion], [Condition(name) for name in self.names], seeds)[0]
        self.notes.extend(repetition_notes(self.names, runs))
        judge = self.laboratory.judge(self.settings.rules, self.settings.baselines)
        return judge.score([self.champion], ROLES[-1], seeds)[0]

    def hardest(self, comparisons: Sequence[Comparison]) -> str:
        """The rival that classes are compared with: what runs today, or else the strongest."""
        return comparison.by_strength(comparisons)[0].rival if self.options.today is None else TODAY

    def classes(self, hardest: str) -> Any:
        """For whom it is better than this rival."""
        self._asked[0] = "classes"
        return classes.examine(self.champion, self.rivals[hardest], self.some, self.few, self.laboratory.class_figures)

    def of_genes(self) -> dict[str, Any]:
        """Which genes matter (`parts`), and how exact their numbers must be (`changes`)."""
        genes = [gene.name for gene in self.settings.problem.genes]
        found = {}
        for part, asked, examine in (
            ("parts", "ablation", ablation.examine),
            ("changes", "sensitivity", sensitivity.examine),
        ):
            self._asked[0] = asked
            found[part] = examine(self.champion, genes, self.some, self.few, **self._common)
        return found

    def swept(self, comparisons: Sequence[Comparison]) -> dict[str, Any]:
        """At other loads, with older signals and under other prices, beside the strongest rivals."""
        strongest = [one.rival for one in comparison.by_strength(comparisons)][:MOST_RIVALS]
        rivals = {name: own for name, own in self.rivals.items() if name in (*strongest, NAME, TODAY)}
        found = {}
        for asked, (values, at) in self.sweeps.items():
            self._asked[0] = asked
            found[asked] = sweeps.examine(self.champion, rivals, values, at, self.some, self.few, **self._common)
        return found

    def ceiling(self, comparisons: Sequence[Comparison]) -> ceiling.Ceiling | None:
        """What a look-ahead reaches, if it is asked for and can be told."""
        if self.options.extent is None:
            return None
        if self.settings.rules.goals.needs_trace:
            self.notes.append("ceiling: objectives that are read off traced decisions cannot be looked ahead for.")
            return None
        scenarios = self._foreseeable(self.options.extent)
        if not scenarios:
            return None
        found = ceiling.examine(
            self.champion,
            self.settings.baselines,
            comparisons,
            scenarios,
            self.objectives,
            self.seed_at,
            self.options.extent,
            self.options.seed,
            partial(self.done, "ceiling"),
        )
        left_out = [one.name for one in scenarios] if found is None else found.left_out
        if left_out:
            self.notes.append(f"ceiling: {', '.join(left_out)} are left out, since every seed gives the same requests.")
        for name, share in found.foreknown.items() if found else ():
            self.notes.append(
                f"ceiling: in {name} {share:.0%} of the requests go on with what has begun; the look-ahead knows these."
            )
        return found

    def _foreseeable(self, extent: Extent) -> list[SuiteScenario]:
        """Where a look-ahead can tell anything; the others are noted."""
        able = []
        for one in self.held_out:
            if one.name not in self.some:
                continue
            found = hindrances(Scenario.from_mapping(one.mapping(one.requests_at(extent.num_requests))))
            if found:
                self.notes.append(
                    f"ceiling: {one.name} is left out, since no look-ahead foresees {' or '.join(found)} yet."
                )
            else:
                able.append(one)
        return able

    def close(self) -> None:
        """Release the laboratory."""
        self.laboratory.close()
