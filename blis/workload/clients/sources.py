"""When the requests of one client come, drawn as far as they are needed.

A source grows until the workload has enough. Its rows are ordered by time, then by place in their chain: the
requests that wait for each other. A row never changes while the source grows.
"""

import math
from typing import NamedTuple, Protocol

import numpy as np

from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import BoolVector, Float64Vector, Int64Vector
from blis.workload.clients.client import Client
from blis.workload.clients.conversations import ClientColumns, Conversations, draw_conversations, draw_singles
from blis.workload.clients.sessions import SessionPlan
from blis.workload.drawing.arrivals import draw_gaps, normalized_times
from blis.workload.prefixes.texts import PrefixChoices

Moment = tuple[float, float]  #: time [µs] and place in the chain, compared in this order

#: Starts of which none falls into a window of the client, before that is taken for a slip of the unit.
MOST_VAIN_STARTS = 4_000_000
EVERYTHING: Moment = (math.inf, math.inf)


class Origin(NamedTuple):
    """Whose requests are drawn, and from which streams."""

    client: Client
    choices: PrefixChoices  #: of prefix texts
    seed: int
    position: int  #: of the client in the document
    horizon_us: float  #: nothing starts at or after it


class Exactly(NamedTuple):
    """A number of starts that is known beforehand."""

    n: int
    work_us: float  #: the time that they fill, on the clock of the client's profile


class Rows(NamedTuple):
    """Requests of one client."""

    columns: ClientColumns
    previous: Int64Vector  #: (n,) row that comes before it in its chain, -1 for none


class Source(Protocol):
    """What every kind of client offers."""

    @property
    def times_us(self) -> Float64Vector:
        """(n,) non-decreasing."""

    @property
    def place(self) -> Int64Vector:
        """(n,) of each row in its chain, from 0."""

    @property
    def complete(self) -> Moment:
        """All rows before this moment, and itself, are there."""

    def grow(self) -> None:
        """Draw about as much again."""

    def rows(self, n: int) -> Rows:
        """The first `n` rows."""


class Starts:
    """Start times of requests or sessions: a process, bent by its profile, cut to windows and horizon."""

    def __init__(self, origin: Origin, rate: float, exact: Exactly | None = None) -> None:
        self.times_us: Float64Vector = np.zeros(0)
        self.complete_us = 0.0
        self._client, self._rate, self._exact = origin.client, rate, exact
        self._end_us = min(origin.horizon_us, origin.client.lifecycle.end_us, origin.client.profile.end_us)
        self._horizon_us = origin.horizon_us
        self._random = stream(origin.seed, "workload", "client", origin.position, "arrivals")
        self._work_us: Float64Vector = np.zeros(0)

    def extend(self, n: int) -> None:
        """Draw `n` further starts; the sum goes on where it stopped, so the pieces do not show."""
        client = self._client
        if self._exact is not None:
            self._work_us = normalized_times(self._random, self._exact.n) * self._exact.work_us
            last_us = math.inf
        else:
            gaps_us = draw_gaps(self._random, client.arrival, self._rate, n)
            if len(self._work_us):
                gaps_us = np.concatenate((self._work_us[-1:], gaps_us))
            self._work_us = np.concatenate((self._work_us[:-1], gaps_us.cumsum()))
            last_us = float(client.profile.real_us(self._work_us[-1:])[0])
        real_us = client.profile.real_us(self._work_us)
        self.times_us = real_us[(real_us < self._horizon_us) & client.lifecycle.contains(real_us)]
        self.complete_us = math.inf if last_us >= self._end_us else last_us
        if len(real_us) > MOST_VAIN_STARTS and len(real_us) > MOST_VAIN_STARTS * len(self.times_us):
            raise ConfigError(
                f"workload: client {client.name!r} must start within its windows sooner or later; none of its first "
                f"{len(real_us)} starts does. Begin the windows earlier, or lower the rate."
            )


class Singles:
    """Requests that belong to no session."""

    def __init__(self, origin: Origin, starts: Starts, n: int) -> None:
        self._origin, self._starts, self._n = origin, starts, n
        starts.extend(n)

    @property
    def times_us(self) -> Float64Vector:
        """(n,) start times."""
        return self._starts.times_us

    @property
    def place(self) -> Int64Vector:
        """(n,) nobody waits for anybody."""
        return np.zeros(len(self.times_us), np.int64)

    @property
    def complete(self) -> Moment:
        """The last start."""
        return self._starts.complete_us, math.inf

    def grow(self) -> None:
        """Draw as many again."""
        self._starts.extend(self._n)
        self._n *= 2

    def rows(self, n: int) -> Rows:
        """The first `n` requests."""
        origin = self._origin
        columns = draw_singles(origin.client, origin.choices, origin.seed, origin.position, n)
        return Rows(columns, np.full(n, -1))


class _Chains:
    """Rows of sessions, put in order; what `Sessions` and `Users` share."""

    times_us: Float64Vector
    place: Int64Vector

    def _arrange(
        self, drawn: Conversations, times_us: Float64Vector, place: Int64Vector, previous: Int64Vector, kept: BoolVector
    ) -> None:
        rows = np.flatnonzero(kept)
        order = rows[np.lexsort((place[rows], times_us[rows]))]
        self.times_us, self.place = times_us[order], place[order]
        self._drawn, self._order, self._previous = drawn, order, previous

    def rows(self, n: int) -> Rows:
        """The first `n` requests."""
        order, columns = self._order[:n], self._drawn.columns
        number = np.full(len(self._previous) + 1, -1)  # the last entry is that of no request
        number[order] = np.arange(len(order))
        prompt = columns.prompt._replace(**{name: of[order] for name, of in columns.prompt._asdict().items()})
        others = {name: of[order] for name, of in columns._asdict().items() if name != "prompt"}
        return Rows(ClientColumns(prompt=prompt, **others), number[self._previous[order]])


class Sessions(_Chains):
    """Sessions that start by themselves and overlap."""

    def __init__(self, origin: Origin, plan: SessionPlan, starts: Starts, n_sessions: int) -> None:
        self._origin, self._plan, self._starts = origin, plan, starts
        self._n = 0
        self._extend(n_sessions)

    @property
    def complete(self) -> Moment:
        """The last start of a session: later sessions have only later requests."""
        return self._starts.complete_us, math.inf

    def grow(self) -> None:
        """Draw as many sessions again."""
        self._extend(self._n)

    def _extend(self, n: int) -> None:
        self._starts.extend(n)
        self._n += n
        origin, starts_us = self._origin, self._starts.times_us
        drawn = draw_conversations(
            origin.client, self._plan, origin.choices, origin.seed, origin.position, len(starts_us)
        )
        times_us = starts_us[drawn.columns.session] + drawn.since_start_us
        kept = np.ones(len(times_us), np.bool_)
        if not origin.client.is_closed:
            is_active = origin.client.lifecycle.contains(times_us) & (times_us < origin.horizon_us)
            kept = _until_first_false(is_active, drawn.offsets)
        turn = drawn.columns.turn
        previous = np.where(turn > 0, np.arange(len(turn)) - 1, -1)
        self._arrange(drawn, times_us, turn, previous, kept)


class Users(_Chains):
    """A fixed number of users, each with one session after another, and so never more than one request at a time."""

    def __init__(self, origin: Origin, plan: SessionPlan, n_users: int, sessions_each: int) -> None:
        self._origin, self._plan, self._n_users = origin, plan, n_users
        self._sessions_each = 0
        self._complete: Moment = (0.0, 0.0)
        self._extend(sessions_each)

    @property
    def complete(self) -> Moment:
        """The moment from which the first user has nothing drawn."""
        return self._complete

    def grow(self) -> None:
        """Draw as many sessions again for every user."""
        self._extend(self._sessions_each)

    def _extend(self, sessions_each: int) -> None:
        self._sessions_each += sessions_each
        origin, n_users = self._origin, self._n_users
        n_sessions = self._sessions_each * n_users
        drawn = draw_conversations(origin.client, self._plan, origin.choices, origin.seed, origin.position, n_sessions)
        first, last = drawn.offsets[:-1], drawn.offsets[1:] - 1
        shape = (self._sessions_each, n_users)  # session k of user u is number k * n_users + u
        lengths_us = (drawn.since_start_us[last] + drawn.answer_us[last]).reshape(shape)
        pauses_us = drawn.columns.pause_us[first].reshape(shape)
        pauses_us[0] = 0  # every user begins at once
        ends_us = np.cumsum(lengths_us + pauses_us, axis=0)
        requests = np.diff(drawn.offsets).reshape(shape)
        places = np.cumsum(requests, axis=0)

        session, turn = drawn.columns.session, drawn.columns.turn
        times_us = (ends_us - lengths_us).ravel()[session] + drawn.since_start_us
        place = (places - requests).ravel()[session] + turn
        last_of_earlier = np.concatenate((np.full(n_users, -1), last))[session]
        previous = np.where(turn > 0, np.arange(len(turn)) - 1, last_of_earlier)
        self._complete = min(zip(ends_us[-1].tolist(), (places[-1] - 1).tolist(), strict=True))
        self._arrange(drawn, times_us.astype(np.float64), place, previous, np.ones(len(place), np.bool_))


def _until_first_false(kept: BoolVector, offsets: Int64Vector) -> BoolVector:
    """Whether all rows of a session up to and including each row are kept."""
    lost = np.concatenate(([0], np.cumsum(~kept)))
    before = np.repeat(lost[offsets[:-1]], np.diff(offsets))
    inside: BoolVector = lost[1:] == before
    return inside
