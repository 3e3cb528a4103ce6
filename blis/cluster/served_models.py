"""Which models a cluster serves, by the names under which requests ask for them."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from blis.foundation.checks import nearest
from blis.foundation.errors import ConfigError
from blis.foundation.units import Int32Vector
from blis.foundation.words import listed, shown

#: What an instance serves is a set of bits.
MOST_NAMES = 62


class Server(Protocol):
    """An instance."""

    @property
    def served_model_names(self) -> tuple[str, ...]:
        """Names under which requests ask for its model."""


def served_models(instances: Iterable[Server]) -> tuple[str, ...]:
    """All names, in the order of the instances.

    Raises
    ------
    ConfigError
        If there are too many.
    """
    names = tuple(dict.fromkeys(name for one in instances for name in one.served_model_names))
    if len(names) > MOST_NAMES:
        raise ConfigError(f"cluster: at most {MOST_NAMES} names of models may be served; got {len(names)}.")
    return names


def places_of_models(models: Sequence[str], asked: Int32Vector, served: Sequence[str]) -> tuple[int, ...]:
    """The place of each of the requests' models among those that are served; -1 for one that nobody asks for.

    Parameters
    ----------
    models : sequence of str
        Names of the requests.
    asked : int32 (n,)
        The place in `models` of what each request asks for; -1: whichever is served.
    served : sequence of str
        Of `served_models`.

    Raises
    ------
    ConfigError
        If a request asks for a model that no instance serves.
    """
    if not models:
        return ()
    is_asked_for = np.bincount(asked[asked >= 0], minlength=len(models)) > 0
    places = []
    for name, is_asked in zip(models, is_asked_for.tolist(), strict=True):
        if is_asked and name not in served:
            raise ConfigError(
                f"workload: every model that requests ask for must be served by an instance; got {shown(name)}"
                f"{nearest(name, served)} Served: {listed(served) or 'none by name'}. "
                "cluster.instances[...].served_model_names gives a pool's model further names."
            )
        places.append(served.index(name) if is_asked else -1)
    return tuple(places)
