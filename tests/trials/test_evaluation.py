import pytest

from blis.metrics.figures import cluster_figures
from blis.outcome import outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from evolve.evaluators import key_of
from evolve.records import Phenotype
from evolve.trials.evaluation import evaluate
from evolve.trials.workloads import WorkloadKey, prepare
from tests.trials.small_suite import BUSIEST, LEAST_LOADED, NARROW, REJECT_ALL, ROUND_ROBIN, UNKNOWN, task_of, weighted


@pytest.fixture
def run(workloads):
    def record(phenotype, timeout_s=60.0, **where):
        task = task_of(workloads, phenotype, **where)
        return evaluate(task, workloads.prepared(key_of(task)), timeout_s)

    return record


def broken(*arguments):
    return 99


@pytest.mark.parametrize("phenotype", [ROUND_ROBIN, LEAST_LOADED, BUSIEST, weighted(prefix_affinity=3, queue_depth=2)])
@pytest.mark.parametrize("scenario", ["wide", "narrow", "narrow@1.2"])
def test_a_record_holds_the_figures_of_one_plain_run(run, workloads, phenotype, scenario):
    task = task_of(workloads, phenotype, scenario=scenario)
    prepared = workloads.prepared(key_of(task))

    record = run(phenotype, scenario=scenario)

    simulation = Simulation(
        prepared.requests, bind_run(prepared.cluster, phenotype.policies), seed=prepared.scenario.seed
    ).run()
    figures = cluster_figures(prepared.requests, prepared.cluster, outcome(simulation), prepared.scenario.slo)
    assert record.error is None
    assert {name: record.figures[name] for name in figures} == figures
    assert record.simulated_requests == 120


def test_equal_tasks_have_equal_records(run):
    one, two = run(LEAST_LOADED), run(LEAST_LOADED)

    assert one == two
    assert list(one.figures) == list(two.figures)


def test_batch_limits_take_effect(run):
    assert run(NARROW).figures["ttft_mean_ms"] > 2 * run(LEAST_LOADED).figures["ttft_mean_ms"]


def test_gpu_time_is_that_of_all_instances_until_the_end(run):
    figures = run(LEAST_LOADED).figures

    assert figures["gpu_seconds"] == pytest.approx(3 * 2 * figures["vllm_estimated_duration_s"])
    assert figures["gpu_seconds_per_request"] == pytest.approx(figures["gpu_seconds"] / figures["completed_requests"])


def test_rejecting_everything_succeeds_and_has_no_latency(run):
    record = run(REJECT_ALL)

    assert record.error is None
    assert record.figures["ttft_p99_ms"] is None
    assert record.figures["gpu_seconds_per_request"] is None


@pytest.mark.parametrize(
    ("phenotype", "error"),
    [
        (UNKNOWN, "UnknownChoiceError: routing: no choice named 'nonsense'"),
        (weighted(queue_depth=float("nan")), "ConfigError: routing.scorers[0].weight must be a finite number > 0"),
        (
            Phenotype({"routing": {"policy": f"{__name__}:broken"}}, allows_python=True),
            "ContractError: routing 'tests.trials.test_evaluation:broken' must return an int in [0, 2]",
        ),
        (
            Phenotype({"routing": {"policy": f"{__name__}:broken"}}),
            "ConfigError: routing must be a policy's name; 'tests.trials.test_evaluation:broken' means Python code",
        ),
        (Phenotype({"rooting": {"policy": "round-robin"}}), "ConfigError: policies: unknown question 'rooting'"),
    ],
)
def test_what_goes_wrong_is_recorded(run, phenotype, error):
    record = run(phenotype)

    assert record.error.startswith(error)
    assert record.figures == {}
    assert record.simulated_requests == 120


def test_a_run_that_takes_too_long_is_recorded(run):
    record = run(LEAST_LOADED, timeout_s=1e-9)

    assert record.error == "timeout: more than 1e-09 s of wall clock"


def test_a_task_that_needs_a_trace_has_the_same_figures_and_those_of_anomalies_and_regret(run):
    plain, traced = run(NARROW), run(NARROW, trace=True)

    further = {name for name in traced.figures if name.startswith(("anomaly/", "regret/"))}
    assert {"anomaly/load-imbalance", "regret/reference_mean_ms"} <= further
    assert {name: value for name, value in traced.figures.items() if name not in further} == plain.figures


@pytest.mark.parametrize("trace", [False, True])
def test_a_record_does_not_depend_on_what_ran_before_it(run, workloads, trace):
    tried = [weighted(prefix_affinity=3, queue_depth=2), UNKNOWN, NARROW, REJECT_ALL, LEAST_LOADED]
    alone = [
        evaluate(task_of(workloads, one, trace=trace), prepare(workloads.mapping(WorkloadKey("wide", 1, 120))))
        for one in tried
    ]

    together = [run(one, trace=trace) for one in [*tried, *reversed(tried)]]

    assert together == [*alone, *reversed(alone)]


def test_a_run_that_failed_midway_leaves_nothing_to_the_next(run):
    expected = run(LEAST_LOADED)
    run(Phenotype({"routing": {"policy": f"{__name__}:broken"}}, allows_python=True))
    run(LEAST_LOADED, timeout_s=1e-9)

    assert run(LEAST_LOADED) == expected
