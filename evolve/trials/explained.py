"""Why a policy did as it did in one scenario, as text: the summary of a traced run."""

from dataclasses import replace

from blis.explaining.explanation import explanation
from blis.explaining.summary import summary_text
from blis.outcome import outcome
from blis.prepare import prepared_run
from blis.result import Result
from blis.simulate import Simulation
from evolve.records import Task
from evolve.trials.stages import stage_of
from evolve.trials.workloads import Prepared


def explained(task: Task, prepared: Prepared) -> str:
    """The summary of a task's run, its worst decisions included.

    Raises
    ------
    BlisError
        If the run fails.
    """
    stage = stage_of(prepared, task.phenotype.limits, True)
    simulation = Simulation.on(stage, prepared_run(stage.cluster, prepared.preparations.policies(task.phenotype)))
    simulation.run()
    scenario = replace(prepared.scenario, policies=dict(task.phenotype.policies))
    result = Result(scenario, prepared.scenario.seed, simulation, outcome(simulation), engine_s=0.0)
    text = summary_text(result, result.metrics(), explanation(result))
    simulation.leave()
    return text
