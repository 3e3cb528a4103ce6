"""What the candidates of a process share: stages to run on, and policies that have been bound before."""

from typing import Any

from blis.policies.prepared import PreparedPolicies, prepare_policies
from blis.policies.users import load_callable
from blis.stage import Stage
from evolve.records import Phenotype
from evolve.trials.keeping import Kept

#: Stages that are kept, with the arrays of their runs: tasks of one workload follow each other, so few are in use.
MOST_STAGES = 4
#: Phenotypes whose policies are kept: as many as meet one workload after the other.
MOST_PHENOTYPES = 1024


class Preparations:
    """Made once, used by many evaluations; safe from several threads."""

    def __init__(self) -> None:
        self.stages: Kept[Stage] = Kept(MOST_STAGES)
        # A phenotype is kept with its policies, so that no other can have its identity.
        self._policies: Kept[tuple[Phenotype, PreparedPolicies]] = Kept(MOST_PHENOTYPES)

    def policies(self, phenotype: Phenotype) -> PreparedPolicies:
        """Its policies, bound.

        Raises
        ------
        ConfigError
            If a policy or its parameters are wrong.
        """
        kept = self._policies.get(id(phenotype), lambda: (phenotype, prepare_policies(runnable(phenotype))))
        return kept[1]


def runnable(phenotype: Phenotype) -> dict[str, Any]:
    """The policies as the simulator takes them: Python callables that are allowed are imported."""
    if not phenotype.allows_python:
        return dict(phenotype.policies)
    return {
        question: load_callable(question, policy["policy"]) if ":" in policy["policy"] else policy
        for question, policy in phenotype.policies.items()
    }
