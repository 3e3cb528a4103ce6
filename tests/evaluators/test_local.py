"""The evaluators of this process give the same records in the order of the tasks, whatever runs beside what."""

import pytest

from blis.foundation.errors import ConfigError
from evolve.evaluators import by_workload, key_of, warming
from evolve.evaluators.opening import open_evaluator
from evolve.trials.evaluation import evaluate
from tests.trials.small_suite import BUSIEST, LEAST_LOADED, NARROW, ROUND_ROBIN, UNKNOWN, task_of, weighted


def tasks_of(workloads):
    """Candidates by scenarios and seeds, as a judge asks for them, a failure among them."""
    everybody = [ROUND_ROBIN, LEAST_LOADED, UNKNOWN, BUSIEST, NARROW, weighted(prefix_affinity=3, queue_depth=2)]
    where = [("wide", 1), ("wide", 2), ("narrow", 1), ("wide@0.5", 4)]
    return [task_of(workloads, one, scenario, seed) for one in everybody for scenario, seed in where]


@pytest.fixture
def open_pool(workloads):
    opened = []

    def one(choice):
        opened.append(open_evaluator("evaluator", choice, workloads))
        return opened[-1]

    yield one
    for pool in opened:
        pool.close()


@pytest.mark.parametrize("choice", ["serial", "threads", {"name": "threads", "workers": 5}])
def test_records_are_those_of_single_evaluations(workloads, open_pool, choice):
    tasks = tasks_of(workloads)
    heard = []

    records = open_pool(choice).evaluate(tasks, heard.append)

    assert records == [evaluate(task, workloads.prepared(key_of(task))) for task in tasks]
    assert sum(heard) == len(tasks)


@pytest.mark.parametrize("choice", ["serial", "threads"])
def test_nothing_to_do_is_done(open_pool, choice):
    assert open_pool(choice).evaluate([], print) == []


@pytest.mark.parametrize("choice", ["serial", "threads"])
def test_an_interrupt_gets_through_and_the_pool_can_go_on(workloads, open_pool, choice):
    pool, tasks = open_pool(choice), tasks_of(workloads)

    def interrupt(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.evaluate(tasks, interrupt)

    assert len(pool.evaluate(tasks, lambda count: None)) == len(tasks)


def test_the_timeout_reaches_the_simulation(workloads, open_pool):
    pool = open_pool({"name": "threads", "timeout_s": 1e-9})

    (record,) = pool.evaluate([task_of(workloads, LEAST_LOADED)], lambda count: None)

    assert record.error == "timeout: more than 1e-09 s of wall clock"


def test_tasks_of_a_workload_stay_together_in_their_order(workloads):
    tasks = tasks_of(workloads)

    groups = by_workload(tasks)

    assert [place for places in groups.values() for place in places][:7] == [0, 4, 8, 12, 16, 20, 1]
    assert sorted(place for places in groups.values() for place in places) == list(range(len(tasks)))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            "thread",
            "evaluator: no choice named 'thread'; did you mean 'threads'? Choices: isolated, ray, serial, threads.",
        ),
        ({"name": "serial", "worker": 2}, "evaluator: unknown key 'worker'; did you mean 'workers'?"),
        ({"workers": 2}, "evaluator: no choice named None"),
        ({"name": "threads", "workers": 0}, "evaluator.workers must be an int in [1, 10000]; got 0"),
        ({"name": "serial", "workers": 2}, "evaluator.workers must be 1 or null with evaluator 'serial'; got 2"),
        (
            {"name": "serial", "timeout_s": 0},
            "evaluator.timeout_s must be a finite number > 0 and ≤ 2592000 [s]; got 0",
        ),
        ({"name": "threads", "address": "auto"}, "evaluator.address must be null, or with evaluator 'ray'"),
        ({"name": "ray", "address": ""}, "evaluator.address must be null, or with evaluator 'ray'"),
    ],
)
def test_a_wrong_evaluator_is_refused(workloads, choice, message):
    with pytest.raises(ConfigError) as error:
        open_evaluator("evaluator", choice, workloads)

    assert message in str(error.value)


def test_warming_simulates_without_an_error(monkeypatch):
    records = []

    def kept(*arguments):
        records.append(evaluate(*arguments))

    monkeypatch.setattr(warming, "evaluate", kept)

    warming.warm.__wrapped__()

    assert [record.error for record in records] == [None]
    assert records[0].figures["completed_requests"] == 2
