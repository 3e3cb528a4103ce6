"""A scenario as a suite has it: at one load and one length, under one kind of physics, or one member of a family."""

from dataclasses import dataclass
from typing import Any

from blis.scenario_file import ScenarioFile


@dataclass(frozen=True, slots=True)
class SuiteScenario:
    """A scenario at one load and one length."""

    name: (
        str  #: unique within its role: the file's name, and what the suite sets: "@<load>", "/<physics>", "[<stretch>]"
    )
    file: ScenarioFile
    load: float | None  #: arrival rate as a factor of the saturation rate; None where nobody sends at a rate
    num_requests: int
    physics: str | None = None  #: kind of latency model; None: the file's own
    stretch: tuple[float, float] | None = None  #: part of a log from which each seed draws its own; None: its beginning
    family: str | None = None  #: of which it is a member; None: it stands for itself

    def mapping(self, num_requests: int) -> dict[str, Any]:
        """The scenario with so many requests, as `Scenario.from_mapping` reads it, without policies and seed."""
        mapping = self.file.mapping(self.load, num_requests, self.physics)
        if self.stretch is not None:
            mapping["workload"]["stretch"] = list(self.stretch)
        return mapping

    def requests_at(self, num_requests: int | None) -> int:
        """How many requests a fidelity of `num_requests` means here: never more than the suite says; None: as many."""
        return self.num_requests if num_requests is None else min(num_requests, self.num_requests)
