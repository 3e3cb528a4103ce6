"""What candidates meet: the requests and the cluster of a scenario for a seed, built once in a process.

Requests depend on the scenario, the seed and their number alone, so that all candidates meet the same ones (common
random numbers).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import blis
from blis.cluster.deployment import build_cluster
from blis.cluster.instances import Cluster
from blis.cluster.parts import Parts, look_up
from blis.engine._jit import source_hash
from blis.foundation.semantics import semantics
from blis.foundation.units import frozen
from blis.scenario import Scenario
from blis.workload.requests import Requests
from evolve.records import Task
from evolve.trials.keeping import Kept
from evolve.trials.preparations import Preparations
from evolve.trials.suite import Suite

#: Workloads that a process keeps: more than a search uses at a time, and few enough for its memory.
MOST_KEPT = 128


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything of a simulation but its policies."""

    scenario: Scenario  #: without policies
    parts: tuple[Parts, ...]  #: what was looked up for the cluster
    cluster: Cluster
    requests: Requests
    digest: str  #: content address of all of it, and of the program
    preparations: Preparations = field(compare=False)  #: workloads of a process share them


@dataclass(frozen=True, slots=True)
class WorkloadKey:
    """Which workload is meant."""

    scenario: str  #: name within the suite
    seed: int
    num_requests: int


def key_of(task: Task) -> WorkloadKey:
    """The workload that a task names."""
    return WorkloadKey(task.scenario, task.seed, task.num_requests)


class Workloads:
    """The workloads of a suite; safe to use from several threads.

    Parameters
    ----------
    suite : Suite
    """

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self._kept: Kept[Prepared] = Kept(MOST_KEPT)
        self._digests: dict[WorkloadKey, str] = {}
        self._preparations = Preparations()

    def mapping(self, key: WorkloadKey) -> dict[str, Any]:
        """The scenario, as `Scenario.from_mapping` reads it."""
        scenario = self.suite.scenario(key.scenario)
        return {**scenario.mapping(key.num_requests), "seed": key.seed}

    def prepared(self, key: WorkloadKey) -> Prepared:
        """The workload, built when it is asked for first.

        Raises
        ------
        ConfigError
            If the scenario cannot be built.
        """
        return self._kept.get(key, lambda: prepare(self.mapping(key), preparations=self._preparations))

    def digest(self, key: WorkloadKey) -> str:
        """The workload's content address, which is kept when the workload itself is no longer.

        Raises
        ------
        ConfigError
            If the scenario cannot be built.
        """
        found = self._digests.get(key)
        if found is None:
            found = self._digests[key] = self.prepared(key).digest
        return found


def prepare(
    mapping: Mapping[str, Any], requests: Requests | None = None, preparations: Preparations | None = None
) -> Prepared:
    """Build a workload from a scenario's plain mapping.

    Parameters
    ----------
    mapping : mapping
        As `Scenario.from_mapping` reads it.
    requests : Requests, optional
        The scenario's requests, where they have been built before.
    preparations : Preparations, optional
        Those of the process, which its workloads share; None: of this workload alone.

    Raises
    ------
    ConfigError
        If the scenario cannot be built.
    """
    scenario = Scenario.from_mapping(mapping)
    parts = look_up(scenario.cluster)
    cluster = build_cluster(scenario.cluster, semantics=semantics(scenario.semantics), parts=parts)
    if requests is None:
        requests = scenario.requests()
    digest = _digest(scenario, cluster, requests)
    return Prepared(scenario, parts, cluster, requests, digest, preparations or Preparations())


def with_limits(prepared: Prepared, limits: Mapping[str, int]) -> Cluster:
    """The cluster with these batch limits in every instance: as `blis.policies.bundle.with_limits` of its plan.

    It is sized anew, because memory that a smaller batch does not need holds KV blocks; nothing is read again.
    """
    if not limits:
        return prepared.cluster
    plan = prepared.scenario.cluster
    pools = tuple(replace(pool, **limits) for pool in plan.pools)  # type: ignore[arg-type]
    rules = semantics(prepared.scenario.semantics)
    return build_cluster(replace(plan, pools=pools), semantics=rules, parts=prepared.parts)


def requests_as_arrays(requests: Requests) -> dict[str, Any]:
    """The requests as plain arrays and texts, to be sent elsewhere."""
    return {field.name: getattr(requests, field.name) for field in fields(requests)}


def requests_from_arrays(arrays: Mapping[str, Any]) -> Requests:
    """The requests whose `requests_as_arrays` this is; arrays are copied, so that the sender's memory can be freed."""
    copies: dict[str, Any] = {
        name: frozen(value, value.dtype.type) if isinstance(value, np.ndarray) else value
        for name, value in arrays.items()
    }
    return Requests(**copies)


@cache
def program_version() -> str:
    """Content address of the program that simulates: its sources, and those of its compiled kernels."""
    digest = hashlib.sha256(source_hash().encode())
    folder = Path(blis.__file__).resolve().parent
    for source in sorted(folder.rglob("*.py")):
        digest.update(source.relative_to(folder).as_posix().encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


def task_digest(
    policies: Mapping[str, Any], limits: Mapping[str, int], workload: str, needs_trace: bool = False
) -> str:
    """Content address of a simulation: covers everything that it depends on, the workload by its digest.

    A policy that is a Python callable counts by its name, which a search never proposes.
    """
    text = json.dumps([policies, limits, needs_trace], sort_keys=True, default=dict)
    return hashlib.sha256(f"{workload} {text}".encode()).hexdigest()


def _digest(scenario: Scenario, cluster: Cluster, requests: Requests) -> str:
    """The contents count, and the seed that draws ties; not the names and files that they come from."""
    digest = hashlib.sha256(program_version().encode())
    digest.update(f"{scenario.seed} {scenario.horizon_us} {scenario.semantics} {scenario.slo!r}".encode())
    limits = cluster.limits(semantics(scenario.semantics))
    digest.update(limits.tobytes() + cluster.coefficients().tobytes())
    shared = [
        value for value in (getattr(cluster, field.name) for field in fields(cluster)) if not isinstance(value, tuple)
    ]
    digest.update(repr(shared).encode())
    for name, value in requests_as_arrays(replace(requests, notes=())).items():
        content = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()
