"""What happens to candidates that mean harm: a recorded failure, and nothing else."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from evolve.evaluators import isolated
from evolve.evaluators.opening import open_evaluator
from evolve.records import Phenotype, Record
from evolve.trials.evaluation import evaluate
from evolve.trials.workloads import Workloads, key_of
from tests.trials.small_suite import LEAST_LOADED, UNKNOWN, small_suite, task_of

HEAD = "def route(view, request, params, memory, scores):\n"
GOOD = (
    "from blis.engine.choice import best_instance\n\n"
    + HEAD
    + (
        "    for instance in view.candidates:\n"
        "        scores[instance] = -view.effective_load[instance]\n"
        "    return best_instance(scores, view.candidates, view.tie_draw)\n"
    )
)
#: The same, in a way that no compiler takes.
APART = GOOD.replace("    for", "    kept = {'a': [1, 'b']}\n    for", 1)


@pytest.fixture(scope="module")
def workloads(tmp_path_factory: pytest.TempPathFactory) -> Workloads:
    return Workloads(small_suite(tmp_path_factory.mktemp("scenarios")))


@pytest.fixture(scope="module")
def pool(workloads: Workloads) -> Iterator[isolated.Pool]:
    found = open_evaluator("evaluator", {"name": "isolated", "timeout_s": 30}, workloads)
    assert isinstance(found, isolated.Pool)
    yield found
    found.close()


def written(source: str) -> Phenotype:
    return Phenotype({"routing": {"policy": "written", "source": source}})


def record_of(pool: isolated.Pool, workloads: Workloads, phenotype: Phenotype) -> Record:
    (record,) = pool.evaluate([task_of(workloads, phenotype, "wide", 1)], lambda count: None)
    return record


def test_records_are_those_of_single_evaluations(pool: isolated.Pool, workloads: Workloads) -> None:
    everybody = [LEAST_LOADED, UNKNOWN, written(GOOD), written(APART)]
    tasks = [task_of(workloads, one, name, seed) for one in everybody for name, seed in (("wide", 1), ("narrow", 1))]
    heard: list[int] = []

    records = pool.evaluate(tasks, heard.append)

    native, unknown, compiled, apart = records[:2], records[2:4], records[4:6], records[6:]
    assert native == [evaluate(task, workloads.prepared(key_of(task))) for task in tasks[:2]]
    assert all(record.error is not None for record in unknown)
    assert native == compiled == apart
    assert sum(heard) == len(tasks)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["n = 0", "while n > -1:", "    n += 1", "return 0"], "too many steps"),
        (["d = {'a': 1}", "while d:", "    d['a'] += 1", "return 0"], "too many steps"),
        (["a = [0.0]", "for i in range(60):", "    a = a + a", "return 0"], "MemoryError"),
        (["return len('x' * 10 ** 11)"], "MemoryError"),
        (["scores[10 ** 9] = 1.0", "return 0"], "IndexError"),
        (["return 10 ** 6"], "chose instance 1000000"),
    ],
)
def test_harm_is_a_recorded_failure(pool: isolated.Pool, workloads: Workloads, lines: list[str], words: str) -> None:
    record = record_of(pool, workloads, written(HEAD + "".join(f"    {line}\n" for line in lines)))

    assert record.error is not None
    assert words in record.error
    assert not record.figures
    assert record_of(pool, workloads, written(GOOD)).error is None


def test_a_process_that_dies_takes_its_own_task_only(workloads: Workloads, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the dialect would never let through, as if it had: machine code that ends the process, or fakes a reply."""
    from evolve.evaluators import isolated_helper as helper

    task = task_of(workloads, LEAST_LOADED, "wide", 1)
    prepared = workloads.prepared(key_of(task))
    wrote = {
        "is killed": lambda *given: os.kill(os.getpid(), 9),
        "says nothing": lambda *given: os._exit(3),
        "fakes": lambda *given: {"figures": {"lateness": float("inf")}, "simulated_requests": 1, "error": None},
        "is not JSON": lambda *given: {"text": "x"},
    }
    said = {}
    for name, instead in wrote.items():
        monkeypatch.setattr(helper, "_worked", instead)
        monkeypatch.setattr(helper.confinement, "only_simulate", lambda: True)  # so that it can do harm
        monkeypatch.setattr(helper.json, "dumps", _any_json)
        (said[name],) = helper._replies("judge", [task], [prepared], 20.0)
    assert "ended by SIGKILL" in str(said["is killed"].error)
    assert "ended with status 3" in str(said["says nothing"].error)
    assert "reported what is no record" in str(said["fakes"].error)
    assert "reported what is no record" in str(said["is not JSON"].error)


def _any_json(document: Any, **options: Any) -> str:
    import json.encoder

    return json.encoder.JSONEncoder().encode(document)


def test_a_hang_is_ended(workloads: Workloads, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from evolve.evaluators import isolated_helper as helper

    monkeypatch.setattr(helper, "_worked", lambda *given: threading.Event().wait())
    monkeypatch.setattr(helper, "SLACK_S", 0.1)
    task = task_of(workloads, LEAST_LOADED, "wide", 1)

    (record,) = helper._replies("judge", [task], [workloads.prepared(key_of(task))], 0.2)

    assert record.error == "timeout: more than 0.2 s of wall clock"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the filter of system calls is for x86-64")
def test_a_confined_process_can_neither_write_nor_start_nor_call(tmp_path: Any) -> None:
    """The second wall: what code could do that had got out of the dialect."""
    import socket
    import subprocess

    from blis.policies.written import confinement

    tried = {
        "write": lambda: (tmp_path / "x").write_text("x"),
        "start": lambda: subprocess.run(["true"], check=False),
        "fork": os.fork,
        "socket": socket.socket,
        "kill": lambda: os.kill(os.getppid(), 0),
        "unlink": lambda: os.unlink(tmp_path / "kept"),
    }
    (tmp_path / "kept").write_text("")
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        confinement.limit(1 << 28, 20)
        confinement.only_simulate()
        refused = []
        for name, attempt in tried.items():
            try:
                attempt()
            except OSError:
                refused.append(name)
        os.write(theirs, ",".join(refused).encode())
        os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)
    assert os.read(ours, 1000).decode().split(",") == list(tried)
    assert (tmp_path / "kept").exists()
    os.close(ours)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the filter of system calls is for x86-64")
def test_the_process_that_decides_is_ended_by_any_other_call() -> None:
    from blis.policies.written import confinement

    child = os.fork()
    if child == 0:
        confinement.close_all_but((0, 1))
        confinement.only_compute()
        os.getcwd()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == 31


def test_an_interrupt_gets_through_and_the_pool_can_go_on(pool: isolated.Pool, workloads: Workloads) -> None:
    tasks = [task_of(workloads, written(GOOD), "wide", seed) for seed in (1, 2)]

    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.evaluate(tasks, interrupt)

    assert [record.error for record in pool.evaluate(tasks, lambda count: None)] == [None, None]


def test_a_run_is_explained_with_its_worst_decisions(pool: isolated.Pool, workloads: Workloads) -> None:
    text = pool.explain(task_of(workloads, written(GOOD), "wide", 1))

    assert text.startswith("# Summary of a run")
    assert "## Worst decisions" in text
    assert "routing `written`" in text
