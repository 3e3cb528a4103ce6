"""The process between a search and the candidates that it isolates: keeps workloads, forks, watches, and reports.

A forked process compiles the candidate's policies, or starts the processes that decide for them, then gives up what a
simulation does not need (`blis.policies.written.confinement`), runs its tasks, and writes lines of JSON into a pipe.
Whatever it writes is checked; what it does not write in time is a failure.
"""

import json
import math
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

from blis.foundation.errors import BlisError, ConfigError
from blis.policies.written import confinement
from blis.policies.written.dialect import check_source
from blis.policies.written.ready import ready
from blis.policies.written.sandbox import WrittenVerb
from evolve.evaluators.warming import warm
from evolve.records import Phenotype, Record, Task
from evolve.trials.evaluation import evaluate, failure, timeout_error
from evolve.trials.explained import explained
from evolve.trials.suite import Suite
from evolve.trials.workloads import Prepared, Workloads, key_of

#: Memory that a candidate's process may take beside what the helper has [bytes].
MEMORY_BYTES = 2 << 30
#: Wall clock until a candidate's process is ready, its policies compiled, and beyond what its run watches itself [s].
START_S, SLACK_S = 300.0, 60.0
_MOST_LINE = 1 << 20
_MOST_TEXT = 60_000

#: A small policy that makes the compiler load all that it needs for one.
_SAMPLE = """
import math
from blis.engine.choice import best_instance

def load(view, instance):
    return math.sqrt(view.effective_load[instance] / 2.0) % 3

def route(view, request, params, memory, scores):
    best = [load(view, instance) for instance in range(view.n_instances)]
    for instance in view.candidates:
        scores[instance] = -min(best[instance], 9.0) if request.input_tokens > 1 else 0.0
    memory[0] += 1.0
    return best_instance(scores, view.candidates, view.tie_draw)
"""


def serve(line: Any, suite: Suite, timeout_s: float) -> None:
    """Run what comes over the line until it is closed.

    Parameters
    ----------
    line : Connection
        ("judge" or "explain", tasks of one phenotype) -> for each of them a Record, a text, or a ConfigError.
    suite : Suite
        Where tasks find their scenarios.
    timeout_s : float
        Wall clock that one simulation may take [s].
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the search ends this process
    workloads = Workloads(suite)
    warm()
    ready(check_source("routing", "sample", _SAMPLE))
    tried: set[str] = set()
    with suppress(BrokenPipeError):  # the search has gone, and wants nothing any more
        while True:
            try:
                what, tasks = line.recv()
            except (EOFError, OSError):
                return
            for reply in _answers(what, tasks, workloads, tried, timeout_s):
                line.send(reply)


def _answers(
    what: str, tasks: Sequence[Task], workloads: Workloads, tried: set[str], timeout_s: float
) -> Iterator[Any]:
    """A reply for each task: an error instead, where its scenario cannot be built."""
    try:
        prepared = [workloads.prepared(key_of(task)) for task in tasks]
        for task, one in zip(tasks, prepared, strict=True):
            if one.digest not in tried:  # loads what only this scenario calls, which a fork could not keep
                tried.add(one.digest)
                evaluate(replace(task, phenotype=Phenotype({})), one, timeout_s)
    except ConfigError as error:
        yield from [error] * len(tasks)
        return
    yield from _replies(what, tasks, prepared, timeout_s)


def _replies(what: str, tasks: Sequence[Task], prepared: Sequence[Prepared], timeout_s: float) -> Iterator[Any]:
    """A reply for each task; a process that is lost is replaced for those that are left."""
    place = 0
    while place < len(tasks):
        child, pipe = _forked(what, tasks[place:], prepared[place:], timeout_s)
        try:
            for line in _lines(pipe, len(tasks) - place, timeout_s):
                yield _reply(what, tasks[place], line)
                place += 1
        finally:
            why = _ended(child, pipe)
        if place < len(tasks):
            yield failure(tasks[place], why(timeout_s)) if what == "judge" else why(timeout_s)
            place += 1


def _forked(what: str, tasks: Sequence[Task], prepared: Sequence[Prepared], timeout_s: float) -> tuple[int, int]:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        _be_a_candidate(theirs, what, tasks, prepared, timeout_s)
    os.close(theirs)
    return child, ours


def _be_a_candidate(
    pipe: int, what: str, tasks: Sequence[Task], prepared: Sequence[Prepared], timeout_s: float
) -> NoReturn:
    """In the forked process: get ready, give up everything else, work, and end without looking back."""
    status = 1
    try:
        confinement.end_with_parent()
        confinement.close_all_but((pipe, 2))
        with suppress(BlisError):  # which the run itself reports
            for policy in prepared[0].preparations.policies(tasks[0].phenotype).policies.values():
                if isinstance(policy.decide, WrittenVerb):
                    policy.decide.start()
        confinement.limit(MEMORY_BYTES, math.ceil(START_S + len(tasks) * timeout_s))
        confinement.only_simulate()
        os.write(pipe, b"\n")
        for task, own in zip(tasks, prepared, strict=True):
            _write(pipe, _worked(what, task, own, timeout_s))
        status = 0
    except BaseException as error:  # noqa: BLE001  (nothing of this process must go on)
        with suppress(BaseException):
            print(f"isolated: {type(error).__name__}: {error}"[:300], file=sys.stderr)
    finally:
        os._exit(status)


def _worked(what: str, task: Task, prepared: Prepared, timeout_s: float) -> Mapping[str, Any]:
    if what == "explain":
        try:
            return {"text": explained(task, prepared)[:_MOST_TEXT]}
        except BlisError as error:
            return {"text": f"{type(error).__name__}: {error}"}
    record = evaluate(task, prepared, timeout_s)
    return {
        "figures": dict(record.figures),
        "simulated_requests": record.simulated_requests,
        "error": record.error,
        "wall_ms": record.wall_ms,
    }


def _write(pipe: int, document: Mapping[str, Any]) -> None:
    content = memoryview(json.dumps(document, allow_nan=False).encode() + b"\n")
    while content:
        content = content[os.write(pipe, content) :]


def _lines(pipe: int, wanted: int, timeout_s: float) -> Iterator[bytes]:
    """The lines that a process writes in time; fewer where it does not. The first says that it is ready."""
    buffer, count = b"", -1
    deadline_s = time.monotonic() + START_S
    while count < wanted:
        end = buffer.find(b"\n")
        if end >= 0:
            one, buffer = buffer[:end], buffer[end + 1 :]
            deadline_s = time.monotonic() + timeout_s + SLACK_S  # a run that looks at the clock ends by itself before
            if count >= 0:
                yield one
            count += 1
            continue
        left_s = deadline_s - time.monotonic()
        if left_s <= 0.0 or len(buffer) > _MOST_LINE or not select.select([pipe], [], [], left_s)[0]:
            return
        part = os.read(pipe, 1 << 16)
        if not part:
            return
        buffer += part


def _ended(child: int, pipe: int) -> Any:
    """End the process, and say how it ended, if it did so by itself."""
    os.close(pipe)
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid == 0:
        time.sleep(0.05)  # it may be on its way out
        pid, status = os.waitpid(child, os.WNOHANG)
    if pid == 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return timeout_error
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return lambda timeout_s: f"its process was ended by {name}"
    return lambda timeout_s: f"its process ended with status {os.WEXITSTATUS(status)}"


def _reply(what: str, task: Task, line: bytes) -> Any:
    """What a line says, if it says what it should."""
    try:
        document = json.loads(line)
        if what == "explain":
            return str(document["text"])[:_MOST_TEXT]
        return _record(task, document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"its process reported what is no record ({type(error).__name__})"
        return failure(task, why) if what == "judge" else why


def _record(task: Task, document: Mapping[str, Any]) -> Record:
    figures, error = document["figures"], document["error"]
    if error is None and (not figures or document["simulated_requests"] != task.num_requests):
        raise ValueError("a run has figures, of all its requests")
    for name, value in figures.items():
        if not isinstance(name, str) or not (
            value is None or (isinstance(value, int | float) and math.isfinite(value))
        ):
            raise ValueError("a figure is a finite number")
    if not (error is None or isinstance(error, str)):
        raise TypeError("an error is a text")
    return Record(
        {str(name): value for name, value in figures.items()},
        int(document["simulated_requests"]),
        None if error is None else error[:2000],
        float(document["wall_ms"]),
    )
