"""How long the answers under way will be, as far as anybody can know: longer than they are already."""

from collections.abc import Sequence

import numpy as np

from blis.engine.codes import RUNNING
from blis.engine.records import Records
from blis.foundation.units import Int64Vector
from blis.simulate import Simulation
from blis.workload.requests import Requests


class Lengths:
    """Lengths of answers that draws of a workload have, client by client, or class by class where it has no clients.

    Parameters
    ----------
    draws : sequence of Requests
        The first one is that of the run.
    """

    def __init__(self, draws: Sequence[Requests]) -> None:
        names = [_kinds(one) for one in draws]
        lengths: dict[str, list[Int64Vector]] = {}
        for one, kinds in zip(draws[1:], names[1:], strict=True):
            for name in set(kinds.tolist()):
                lengths.setdefault(name, []).append(one.output_tokens[kinds == name])
        self._sorted = {name: np.sort(np.concatenate(own)) for name, own in lengths.items()}
        self._kinds = names[0]

    def drawn(self, copy: Simulation, rows: Int64Vector, draws: np.random.Generator) -> Int64Vector:
        """A length for each of these requests; where no known one is longer than it is, twice what it is."""
        written = written_tokens(copy, rows)
        uniform = draws.random(len(rows))
        found = np.empty(len(rows), np.int64)
        kinds = self._kinds[rows]
        for name in set(kinds.tolist()):
            own = np.flatnonzero(kinds == name)
            known = self._sorted.get(name, np.zeros(0, np.int64))
            first = np.searchsorted(known, written[own], side="right")
            at = first + (uniform[own] * (len(known) - first)).astype(np.int64)
            longer = at < len(known)
            found[own] = 2 * np.maximum(written[own], 1)
            found[own[longer]] = known[at[longer]]
        return found


def written_tokens(copy: Simulation, rows: Int64Vector) -> Int64Vector:
    """Tokens of its answer that each request has, those of the step under way included."""
    requests, table, instances = (
        copy.state.requests.view(np.ndarray)[rows],
        copy.workload.table.view(np.ndarray)[rows],
        copy.state.instances.view(np.ndarray),
    )
    at = np.maximum(requests["instance"], 0)
    text = requests["text_tokens"] - table["input_tokens"]
    is_decoding = (requests["status"] == RUNNING) & (requests["stored_tokens"] >= requests["text_tokens"])
    decoded = instances["step_number"][at] + requests["decode_base"] + 2 - table["input_tokens"]
    written: Int64Vector = np.where(is_decoding, decoded, text)
    return written


def set_lengths(copy: Simulation, table: Records, rows: Int64Vector, lengths: Int64Vector) -> None:
    """Let the answers of requests under way become so long, in the copy's state and in its table.

    Left as they are: who is preempted or was, because what it has written has blocks that were counted by its length,
    and whose last token is under way.
    """
    requests, limits = copy.state.requests.view(np.ndarray), copy.prepared.limits
    room = int(limits["total_blocks"].min()) * int(copy.settings["block_size_tokens"])
    longest = np.maximum(room - table["input_tokens"][rows], 1)
    lengths = np.minimum(lengths, longest)
    written = written_tokens(copy, rows)
    changes = (
        (requests["own_segment"][rows] < 0)
        & (requests["preemptions"][rows] == 0)
        & (requests["leaves_us"][rows] < 0)
        & (lengths > written)
        & (table["output_tokens"][rows] > written)
    )
    rows, lengths = rows[changes], lengths[changes]
    longer = np.zeros(len(table), np.int64)
    longer[rows] = lengths - table["output_tokens"][rows]
    table["output_tokens"][rows] = lengths
    batches, instances = copy.state.batches, copy.state.instances.view(np.ndarray)
    for instance, count in enumerate(instances["decode_requests"].tolist()):
        members = batches.finish_request[instance, :count].copy()
        steps = batches.finish_step[instance, :count] + longer[members]
        requests["finish_step"][members] = steps
        order = np.argsort(steps, kind="stable")  # who is sorted is a heap
        batches.finish_step[instance, :count] = steps[order]
        batches.finish_request[instance, :count] = members[order]


def _kinds(requests: Requests) -> np.ndarray:
    """(n,) what a request's answer is like: its client's, or its class's where it has none."""
    clients = np.array([*requests.clients, ""], object)[requests.client]
    classes = np.array(requests.slo_classes, object)[requests.slo_class]
    return np.array([f"{one}/{other}" for one, other in zip(clients, classes, strict=True)], object)
