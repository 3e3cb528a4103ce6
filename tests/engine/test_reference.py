"""References to tuples, as numba names them."""

from typing import NamedTuple

import numba
import numpy as np

from blis.engine.loop import sample_arguments
from blis.engine.reference import Reference


class Two(NamedTuple):
    first: np.ndarray
    second: np.ndarray


def test_names_of_references_are_short_and_tell_tuples_apart() -> None:
    one = Two(np.zeros(1), np.zeros(1))
    targets = [sample_arguments(False)[-2], one, one._replace(second=np.zeros(1, np.int64))]

    short = [Reference(numba.typeof(target)).mangling_args[0] for target in targets]

    assert len(set(short)) == len(targets)
    assert max(map(len, short)) < 40
    assert Reference(numba.typeof(one)).mangling_args[0] == short[1]
