"""How the nodes of a Ray cluster come and go during a search, and what work their loss cost.

Nothing of it may reach a result: it goes to standard error and to trackers. What became of a search can be read there,
also if its records look as though nothing had happened.
"""

import socket
import sys
import time
from typing import Any

from blis.foundation.errors import ConfigError

#: How long what is known of the nodes may be old, before they are counted again [s].
RECOUNT_S = 1.0
#: How long the head of a cluster may not answer until a search gives up [s]; Ray would end the process after 60.
HEAD_S = 30.0


class Watch:
    """Counts the nodes of a cluster, and chunks of work that are run again.

    Parameters
    ----------
    ray : module
        Connected to the cluster.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._cores: dict[str, int] = {}  #: of each node that is there
        self._counted_s = 0.0
        self.nodes_lost = self.nodes_joined = 0
        self.chunks_again = self.evaluations_again = 0
        self.evaluations_given_up = 0  #: whose workers died, however often they were tried
        self._told = (0, 0)  #: chunks and evaluations that were run again, as said last
        self._head = ray.get_runtime_context().gcs_address
        self._answered_s = time.perf_counter()  #: when the head did so last
        self._cores = self._alive()

    @property
    def n_cores(self) -> int:
        """Cores of the nodes that are there, in whole ones; at least 1, for which work waits where there is none."""
        return max(1, sum(self._cores.values()))

    def look(self) -> None:
        """Count the nodes, if it is time, and say who came and went.

        Raises
        ------
        ConfigError
            If the head has not answered for long.
        """
        if time.perf_counter() - self._counted_s < RECOUNT_S or not self._head_answers():
            return
        before, now = self._cores, self._alive()
        lost, joined = len(before.keys() - now.keys()), len(now.keys() - before.keys())
        self._cores = now
        if lost or joined:
            self.nodes_lost += lost
            self.nodes_joined += joined
            self._note(
                f"{_many(lost, 'node')} lost and {joined} joined; {_many(len(now), 'node')} with {self._words()}"
            )

    def run_again(self, n_evaluations: int) -> None:
        """Note that a chunk of so many evaluations was lost with its worker, and goes out once more."""
        self.chunks_again += 1
        self.evaluations_again += n_evaluations

    def give_up(self) -> None:
        """Note that an evaluation counts as failed, because every worker that tried it died."""
        self.evaluations_given_up += 1

    def tell(self) -> None:
        """Say what was run again since it was said last."""
        chunks, evaluations = self.chunks_again - self._told[0], self.evaluations_again - self._told[1]
        self._told = (self.chunks_again, self.evaluations_again)
        if chunks:
            self._note(
                f"{_many(chunks, 'chunk')} with {_many(evaluations, 'evaluation')} lost with a worker, run again"
            )

    def tell_all(self) -> None:
        """Say what happened in all, if anything did."""
        if any(self.figures()[name] for name in ("nodes_lost", "nodes_joined", "chunks_again")):
            self._note(
                f"in all {_many(self.nodes_lost, 'node')} lost and {self.nodes_joined} joined; "
                f"{_many(self.chunks_again, 'chunk')} with {_many(self.evaluations_again, 'evaluation')} run again, "
                f"{_many(self.evaluations_given_up, 'evaluation')} given up"
            )

    def figures(self) -> dict[str, float]:
        """All counts by name."""
        return {
            "nodes": float(len(self._cores)),
            "nodes_lost": float(self.nodes_lost),
            "nodes_joined": float(self.nodes_joined),
            "chunks_again": float(self.chunks_again),
            "evaluations_again": float(self.evaluations_again),
            "evaluations_given_up": float(self.evaluations_given_up),
        }

    def _head_answers(self) -> bool:
        """Whether it does; asked before Ray is, which waits for a head that is gone."""
        try:
            socket.create_connection(_host_and_port(self._head), RECOUNT_S).close()
        except OSError as error:
            if time.perf_counter() - self._answered_s > HEAD_S:
                raise ConfigError(
                    f"evaluator: the head of the Ray cluster at {self._head} has not answered for {HEAD_S:g} s "
                    f"({error}). Every generation so far is kept: start the cluster anew, and go on with resume=FOLDER."
                ) from error
            return False
        self._answered_s = time.perf_counter()
        return True

    def _alive(self) -> dict[str, int]:
        self._counted_s = time.perf_counter()
        nodes = self._ray.nodes()
        return {node["NodeID"]: int(node["Resources"].get("CPU", 0)) for node in nodes if node["Alive"]}

    def _words(self) -> str:
        cores = sum(self._cores.values())
        return f"{_many(cores, 'core')} now" if cores else "no core now: work waits for one"

    def _note(self, what: str) -> None:
        print(f"note: ray: {what}.", file=sys.stderr, flush=True)


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
