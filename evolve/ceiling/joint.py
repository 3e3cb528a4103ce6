"""One laying out of several draws of a workload, so that requests of one can take the places of another's.

What the draws share keeps one key: the texts of prefix groups by their names, the rows of a log by their numbers. All
else is each draw's own.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from blis.engine.records import Records
from blis.foundation.units import Int64Vector
from blis.prepare import PreparedCluster
from blis.scenario import Scenario
from blis.stage import Stage
from blis.workload.prefixes.chained_keys import csr_offsets
from blis.workload.requests import Requests
from blis.workload.segments import segments_of_keys


class Draw(NamedTuple):
    """One draw of the workload, laid out beside others."""

    requests: Requests
    table: Records  #: (n,) as the kernel reads it
    segment_offsets: Int64Vector  #: (n + 1,)
    segments: Int64Vector  #: numbers that all draws share


class Joint(NamedTuple):
    """All of them; the first one is the run's own."""

    draws: tuple[Draw, ...]
    segment_first: Int64Vector
    segment_end: Int64Vector


def lay_out(scenario: Scenario, draws: Sequence[Requests], cluster: PreparedCluster) -> Joint:
    """Lay out draws of a scenario's workload before its cluster, the run's own first."""
    copies_findable = bool(cluster.settings["copies_findable"])
    offsets, keys = _joint_keys(scenario, draws)
    every = segments_of_keys(
        csr_offsets(np.concatenate([np.diff(one) for one in offsets])),
        _dense(np.concatenate(keys)),
        one_block_each=not copies_findable,
    )
    found, row = [], 0
    for one in draws:
        table = np.array(Stage(one, cluster).workload.table.view(np.ndarray))
        table["tenant"] = _tenants(draws[0], one)
        own = every.offsets[row : row + len(one) + 1]
        found.append(Draw(one, table, own - own[0], every.segments[own[0] : own[-1]]))
        row += len(one)
    return Joint(tuple(found), every.first, every.end)


def _tenants(own: Requests, other: Requests) -> Int64Vector:
    """(n,) the other draw's tenants as the run numbers them; one that it does not have counts as its first."""
    number = {name: place for place, name in enumerate(own.tenants)}
    return np.array([number.get(name, 0) for name in other.tenants], np.int64)[other.tenant]


def _dense(keys: Int64Vector) -> Int64Vector:
    """The same keys, numbered without gaps."""
    return np.unique(keys, return_inverse=True)[1].astype(np.int64) if len(keys) else keys


def _joint_keys(scenario: Scenario, draws: Sequence[Requests]) -> tuple[list[Int64Vector], list[Int64Vector]]:
    """Offsets and keys of each draw; equal keys mean equal blocks across draws as well."""
    log = _whole_log(scenario, draws)
    if log is not None:
        return _keys_of_rows(log, draws)
    keys, first = [], 0
    for one in draws:
        keys.append(one.keys + first)
        first += one.n_keys
    texts: dict[tuple[str, int], int] = {}
    for one, own in zip(draws, keys, strict=True):
        for row in np.flatnonzero(one.prefix_group >= 0).tolist():
            start, end = int(one.key_offsets[row]), int(one.key_offsets[row + 1])
            blocks = min(int(one.prefix_tokens[row]) // one.block_size_tokens, end - start)
            name = one.prefix_groups[one.prefix_group[row]]
            for place in range(blocks):
                own[start + place] = texts.setdefault((name, place), int(own[start + place]))
    return [one.key_offsets for one in draws], keys


def _whole_log(scenario: Scenario, draws: Sequence[Requests]) -> Requests | None:
    """All rows of the log from which draws are stretches; None if they are no stretches, or share nothing."""
    params: Any = scenario.workload.params
    if getattr(params, "stretch", None) is None or not any(len(one.keys) for one in draws):
        return None
    plan = replace(scenario.workload, params=replace(params, stretch=None, num_requests=None))
    return replace(scenario, workload=plan).requests()


def _keys_of_rows(log: Requests, draws: Sequence[Requests]) -> tuple[list[Int64Vector], list[Int64Vector]]:
    """The keys that the draws' rows have in the whole log."""
    row_of = np.full(int(log.number.max()) + 1, -1)
    row_of[log.number] = np.arange(len(log))
    lengths = np.diff(log.key_offsets)
    offsets, keys = [], []
    for one in draws:
        rows = row_of[one.number]
        own = csr_offsets(lengths[rows])
        places = np.arange(own[-1]) + np.repeat(log.key_offsets[rows] - own[:-1], lengths[rows])
        offsets.append(own)
        keys.append(log.keys[places])
    return offsets, keys
