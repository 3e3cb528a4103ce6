"""Tells of changes in the caches of a deployment while it runs."""

import time

from blis.foundation.errors import ConfigError
from blis.serving.cache_changes import CacheChanges
from blis.serving.front import Front
from blis.serving.kv_events import Publisher, cleared, events_of
from blis.serving.settings import EventSettings

#: Real time between two looks while the simulation is busy [s]; before each pause it looks anyway.
_PAUSE_S = 0.01


class Publishing:
    """One publisher for each instance behind a port.

    Parameters
    ----------
    front : Front
    settings : EventSettings
    address : tuple of str and int
        Host and port under which the instances are served.
    first : int
        How many instances come before the port's own.
    """

    def __init__(self, front: Front, settings: EventSettings, address: tuple[str, int], first: int) -> None:
        self._front, self._form = front, settings.form
        self._changes = CacheChanges(front.engine)
        self._looked_s = 0.0
        host, port = address
        self._publishers = []
        for place in range(len(front.engine.simulation.limits)):
            at = settings.port + first + place
            filled = {"host": host, "port": port, "model": front.models[0], "instance": first + place}
            try:
                topic = settings.topic.format(**filled)
                self._publishers.append(Publisher(f"tcp://{host}:{at}", topic))
            except (KeyError, IndexError, ValueError) as error:
                raise ConfigError(f"kv_events.topic may have {', '.join(filled)} in braces; got {error}.") from error
            except OSError as error:
                raise ConfigError(f"kv_events.port: tcp://{host}:{at} cannot be had: {error.strerror}.") from error

    @property
    def n_instances(self) -> int:
        """How many publish."""
        return len(self._publishers)

    @property
    def n_sent(self) -> int:
        """Messages so far."""
        return sum(one.n_sent for one in self._publishers)

    def look(self, *, is_idle: bool) -> None:
        """Tell of what has changed; while the simulation is busy, not at every step."""
        now_s = time.monotonic()
        if not is_idle and now_s < self._looked_s + _PAUSE_S:
            return
        self._looked_s = now_s
        engine = self._front.engine
        for publisher, changes in zip(self._publishers, self._changes.look(), strict=False):
            size = engine.prepared.cluster.block_size_tokens
            publisher.publish(events_of(changes, engine.blocks, size, self._form), time.time())

    def close(self) -> None:
        """Say that nothing is cached any more, and stop."""
        for publisher in self._publishers:
            publisher.publish([cleared(self._form)], time.time())
            publisher.close()
