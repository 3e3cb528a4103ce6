"""Ray gives the records of one process, even if its workers die, hang, or are interrupted."""

import os
import signal
import threading
from dataclasses import replace

import pytest

from evolve.evaluators import key_of
from evolve.records import Phenotype
from evolve.trials.evaluation import evaluate
from tests.evaluators.test_local import tasks_of
from tests.trials.small_suite import LEAST_LOADED, ROUND_ROBIN, task_of, weighted

pytestmark = pytest.mark.ray


@pytest.fixture
def open_pool(ray_cluster, workloads):
    from evolve.evaluators.ray_pool import Pool

    return lambda **options: Pool(workloads, **options)


def hostile(workloads, name, **where):
    return task_of(
        workloads, Phenotype({"routing": {"policy": f"tests.evaluators.hostile:{name}"}}, allows_python=True), **where
    )


def expected(workloads, tasks):
    return [evaluate(task, workloads.prepared(key_of(task))) for task in tasks]


def test_records_are_those_of_single_evaluations(workloads, open_pool):
    tasks, heard = tasks_of(workloads), []

    records = open_pool().evaluate(tasks, heard.append)

    assert records == expected(workloads, tasks)
    assert [list(record.figures) for record in records] == [list(one.figures) for one in expected(workloads, tasks)]
    assert sum(heard) == len(tasks)


@pytest.mark.parametrize("n_workers", [1, 2, 5])
def test_the_number_of_workers_and_the_size_of_chunks_change_nothing(workloads, open_pool, n_workers):
    pool, tasks = open_pool(n_workers=n_workers), tasks_of(workloads)

    first, second = (pool.evaluate(tasks, lambda count: None) for _ in range(2))  # the second knows how long runs take

    assert first == second == expected(workloads, tasks)


def test_a_killed_worker_loses_nothing_and_changes_nothing(workloads, open_pool, ray_cluster):
    (ray_cluster / "has-died").unlink(missing_ok=True)
    sound = [task_of(workloads, weighted(queue_depth=1, kv_utilization=weight)) for weight in range(1, 30)]
    tasks = [*sound[:10], hostile(workloads, "dies_once"), *sound[10:]]

    records = open_pool().evaluate(tasks, lambda count: None)

    assert (ray_cluster / "has-died").exists()
    (ray_cluster / "has-died").touch()
    assert records == expected(workloads, [*sound[:10], hostile(workloads, "first"), *sound[10:]])


def test_workers_that_are_killed_from_outside_lose_nothing(workloads, open_pool):
    import ray

    pool, tasks = open_pool(), tasks_of(workloads) * 20
    process_id = ray.remote(num_cpus=1)(lambda: os.getpid())
    victims = set(ray.get([process_id.remote() for _ in range(20)]))
    killed = threading.Event()

    def kill(count):
        if not killed.is_set():
            killed.set()
            for victim in victims:
                os.kill(victim, signal.SIGKILL)

    records = pool.evaluate(tasks, kill)

    assert killed.is_set()
    assert records == expected(workloads, tasks_of(workloads)) * 20


def test_what_kills_every_worker_is_a_failure_and_its_neighbours_are_not(workloads, open_pool):
    sound = [task_of(workloads, LEAST_LOADED), task_of(workloads, ROUND_ROBIN)]

    one, dead, two = open_pool(n_workers=1).evaluate(
        [sound[0], hostile(workloads, "dies_always"), sound[1]], lambda count: None
    )

    assert [one, two] == expected(workloads, sound)
    assert dead.error == "worker died: WorkerCrashedError"


def test_a_hanging_policy_times_out_and_its_neighbours_do_not(workloads, open_pool):
    sound = [task_of(workloads, LEAST_LOADED), task_of(workloads, ROUND_ROBIN)]

    one, hung, two = open_pool(timeout_s=3.0).evaluate(
        [sound[0], hostile(workloads, "hangs"), sound[1]], lambda count: None
    )

    assert [one, two] == expected(workloads, sound)
    assert hung.error == "timeout: more than 3 s of wall clock"


def test_an_interrupt_gets_through_and_the_pool_can_go_on(workloads, open_pool):
    pool, tasks = open_pool(), tasks_of(workloads)

    def interrupt(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.evaluate(tasks, interrupt)

    assert pool.evaluate(tasks, lambda count: None) == expected(workloads, tasks)


def test_python_policies_run_in_workers(workloads, open_pool):
    tasks = [hostile(workloads, "first"), replace(hostile(workloads, "first"), seed=2)]

    assert open_pool().evaluate(tasks, lambda count: None) == expected(workloads, tasks)
