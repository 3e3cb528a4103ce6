"""A column of names read piece by piece: each name is held once, however long the file is."""

from collections.abc import Iterable

import numpy as np

from blis.foundation.units import Int32Vector, Int64Vector
from blis.workload.labels import Labels


class NameColumn:
    """Names as they come, numbered in the order of their first occurrence."""

    def __init__(self, empty_is_none: bool = False) -> None:
        self._number_of: dict[str, int] = {"": -1} if empty_is_none else {}
        self._n_absent = len(self._number_of)
        self._pieces: list[Int32Vector] = []

    def extend(self, names: Iterable[str]) -> None:
        """Append names."""
        number_of, n_absent = self._number_of, self._n_absent
        self._pieces.append(
            np.array([number_of.setdefault(name, len(number_of) - n_absent) for name in names], np.int32)
        )

    def labels(self, rows: Int64Vector) -> Labels:
        """Labels of these rows, with the names that they use, in the order of their first occurrence."""
        indices = np.concatenate(self._pieces)[rows]
        used, first = np.unique(indices, return_index=True)
        order = used[np.argsort(first)]
        order = order[order >= 0]
        names = [name for name, number in self._number_of.items() if number >= 0]
        renumbered = np.full(len(names) + 1, -1, np.int32)  # the last one is for rows without a name
        renumbered[order] = np.arange(len(order))
        return Labels(renumbered[indices], tuple(names[number] for number in order))
