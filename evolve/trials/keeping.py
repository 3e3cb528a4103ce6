"""The latest few things of a kind that were made, so that what is asked for again need not be made again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import RLock
from typing import Generic, TypeVar

_Thing = TypeVar("_Thing")


class Kept(Generic[_Thing]):
    """Things by their keys; safe to use from several threads.

    Parameters
    ----------
    most : int ≥ 1
        How many are kept: those that were asked for last.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: OrderedDict[Hashable, _Thing] = OrderedDict()
        self._lock = RLock()

    def get(self, key: Hashable, make: Callable[[], _Thing]) -> _Thing:
        """The thing of that key, made when it is asked for first; what `make` raises is raised, and nothing kept."""
        with self._lock:  # making it twice would be slower than waiting
            found = self._things.get(key)
            if found is None:
                found = self._things[key] = make()
                if len(self._things) > self._most:
                    self._things.popitem(last=False)
            self._things.move_to_end(key)
            return found
