"""What a member's cluster can carry, measured when somebody asks: each member has a rate of its own."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from blis.capacity.quick import quick_rate
from blis.cluster.parts import look_up
from blis.cluster.plan import cluster_plan
from blis.foundation.errors import ConfigError
from blis.scenario_file import ScenarioFile

#: Kinds of latency models that price any model on any device whose shapes are known, beside the member's own.
EVERYWHERE = ("trained-physics", "roofline")
_DIGITS = 4  #: of a rate: it is known to a few percent


class MeasuredRates(Mapping[str, float]):
    """Kind of latency model -> saturation rate [requests/s] of a scenario, measured when it is first asked for.

    Parameters
    ----------
    file : ScenarioFile
        With clients that send at a rate.
    """

    def __init__(self, file: ScenarioFile) -> None:
        self._file = file
        self._known: dict[str, float] = {}

    @cached_property
    def _kinds(self) -> tuple[str, ...]:
        """The member's own, and others under which its cluster can be built."""
        own = self._file.physics
        return (own, *(kind for kind in EVERYWHERE if kind != own and self._can_be(kind)))

    def _can_be(self, kind: str) -> bool:
        try:
            look_up(cluster_plan(self._file.mapping_at_rate(1.0, physics=kind)["cluster"]))
        except ConfigError:
            return False
        return True

    def __getitem__(self, kind: str) -> float:
        if kind not in self:
            raise KeyError(kind)
        if kind not in self._known:
            self._known[kind] = float(f"{quick_rate(self._file, kind):.{_DIGITS}g}")
        return self._known[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def __contains__(self, kind: object) -> bool:
        return kind == self._file.physics or kind in self._kinds

    def __eq__(self, other: object) -> bool:
        """Equal scenarios have equal rates: to compare does not measure."""
        return isinstance(other, MeasuredRates) and self._file == other._file

    __hash__ = None  # type: ignore[assignment]
