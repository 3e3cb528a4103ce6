"""A case made ready to be run, again and again: its requests, its cluster, its policies, and its plain run."""

from __future__ import annotations

from functools import cached_property
from random import Random
from typing import Any

import numpy as np

from blis.foundation.errors import StalledError
from blis.outcome import Outcome, outcome
from blis.prepare import PreparedRun, prepare
from blis.scenario import Scenario
from blis.simulate import Simulation
from blis.workload import labels
from blis.workload.prefixes.keys import PrefixKeys, keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of
from experiments.fuzz.case import ROW_DEFAULTS, Case

#: Queueings and steps after which a run is given up: what is preempted for ever never ends by itself.
MOST_EVENTS = {"compiled": 300_000, "bounds": 300_000, "python": 5_000}


class Subject:
    """A case that can be run.

    Raises
    ------
    ConfigError
        If the scenario is not valid: then the fuzzer has invented nonsense.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.asked: set[str] = set()  #: checks that apply to part of the cases only, and did to this one
        scenario = case.scenario
        if case.rows is not None:
            scenario = scenario | {"workload": {"kind": "distribution", "num_requests": 1}}
        self.scenario = Scenario.from_mapping(scenario)
        self.prepared = prepare(self.scenario)
        self.cluster, self.policies = self.prepared.cluster, self.prepared.policies
        self.requests = self.make_requests()

    def make_requests(self) -> Requests:
        """The requests, made anew."""
        if self.case.rows is not None:
            return requests_of_rows(self.case.rows, self.cluster.block_size_tokens)
        return self.scenario.requests(self.scenario.seed)

    def start(
        self, requests: Requests | None = None, prepared: PreparedRun | None = None, **options: Any
    ) -> Simulation:
        """The simulation before its first event."""
        return Simulation(
            self.requests if requests is None else requests,
            self.prepared if prepared is None else prepared,
            seed=self.scenario.seed,
            max_events=MOST_EVENTS[self.case.mode],
            **{"record_routing": True, "trace": self.case.trace} | options,
        )

    @cached_property
    def finished(self) -> Simulation:
        """The plain run, as far as it comes."""
        simulation = self.start()
        try:
            simulation.run()
        except StalledError as error:
            self.__dict__["stalled"] = str(error)
        return simulation

    @cached_property
    def stalled(self) -> str:
        """Why the plain run did not end; empty if it did."""
        self.finished  # noqa: B018
        return str(self.__dict__.get("stalled", ""))

    @cached_property
    def outcome(self) -> Outcome:
        """What came of the plain run."""
        return outcome(self.finished)

    @property
    def is_corrected(self) -> bool:
        """Whether it runs as a real cluster would."""
        return not self.scenario.semantics.startswith("reference")

    @property
    def is_closed(self) -> bool:
        """Whether a request waits for the end of another."""
        return bool((self.requests.after >= 0).any())

    def random(self, name: str) -> Random:
        """Choices of one check, the same whenever the case is run."""
        return Random(f"{self.case.choices}/{name}")


def requests_of_rows(rows: tuple[dict[str, Any], ...], block_size: int) -> Requests:
    """The requests that rows describe, by groups and conversations or by keys."""

    def column(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows], np.int64)

    if rows[0]["keys"] is not None:
        pieces = [np.array(row["keys"], np.int64) for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
        dense = np.unique(np.concatenate(pieces), return_inverse=True)[1].astype(np.int64)
        keys = PrefixKeys(offsets, dense, np.unique(column("prompt"), return_inverse=True)[1].astype(np.int64))
    else:
        groups = labels.number_names([row["prefix_group"] for row in rows], empty_is_none=True)
        keys = keys_of_groups(
            column("input_tokens"), column("output_tokens"), groups.indices, column("prefix_length"), block_size,
            column("context_of"), column("context_length"),
        )  # fmt: skip
    return requests_of(
        arrival_us=column("arrival_us"),
        input_tokens=column("input_tokens"),
        output_tokens=column("output_tokens"),
        keys=keys,
        block_size_tokens=block_size,
        number=None if rows[0]["number"] is None else column("number"),
        slo_class=labels.number_names([row["slo_class"] for row in rows]),
        tenant=labels.number_names([row["tenant"] for row in rows]),
        adapter=labels.number_names([row["adapter"] for row in rows], empty_is_none=True),
        image_tokens=column("image_tokens"),
        session=labels.number_names(
            ["" if row["session"] < 0 else str(row["session"]) for row in rows], empty_is_none=True
        ),
        turn=column("round").astype(np.int32),
        after=column("after"),
        think_us=column("think_us"),
    )


def rows_of(requests: Requests) -> tuple[dict[str, Any], ...]:
    """Requests one by one, by keys: what any workload comes to."""
    rows = []
    for row in range(len(requests)):
        begin, end = requests.key_offsets[row : row + 2]
        rows.append(
            ROW_DEFAULTS
            | {
                "arrival_us": int(requests.arrival_us[row]),
                "input_tokens": int(requests.input_tokens[row]),
                "output_tokens": int(requests.output_tokens[row]),
                "slo_class": requests.slo_classes[requests.slo_class[row]],
                "tenant": requests.tenants[requests.tenant[row]],
                "round": int(requests.round[row]),
                "session": int(requests.session[row]),
                "after": int(requests.after[row]),
                "think_us": int(requests.think_us[row]),
                "keys": requests.keys[begin:end].tolist(),
                "prompt": int(requests.prompt[row]),
                "number": int(requests.number[row]),
                "adapter": requests.adapters[requests.adapter[row]] if requests.adapter[row] >= 0 else "",
                "image_tokens": int(requests.input_tokens[row] - requests.text_tokens[row]),
            }
        )
    return tuple(rows)
