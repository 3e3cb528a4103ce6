"""What a measured run is to those who judge, whether one server or two pools served it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from experiments.fidelity.points import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """How the load was made, and what servers were told."""

    rounds: int  #: requests per user
    starts_at_once: bool  #: all users; else at moments of their own, and what they did first does not count
    least_share: float  #: of the nominal lengths, from which they are drawn up to 1
    step_token_budget: int
    max_running_requests: int
    async_scheduling: bool  #: the engine composes a step while the one before it runs
    memory_utilisation: float  #: share of each GPU's memory that the server was given


class Run(Protocol):
    """One measured run: names, load, results."""

    @property
    def id(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def system(self) -> str: ...
    @property
    def engine(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def ttft_ms(self) -> float: ...
    @property
    def tpot_ms(self) -> float: ...
    @property
    def is_public(self) -> bool:
        """Whether something may be fitted to it."""

    @property
    def servers(self) -> "tuple[Point, ...]":
        """What has prices and memory: the server, or one of each pool."""

    @property
    def refusal(self) -> str | None:
        """Why it cannot be simulated, whatever prices there are."""

    @property
    def protocol(self) -> Driven:
        """How it was driven."""

    @property
    def deployment(self) -> tuple[object, ...]:
        """What decides its prices."""

    @property
    def series(self) -> tuple[object, ...]:
        """Points that differ in nothing but the number of users."""

    @property
    def widths_in_words(self) -> str:
        """How many GPUs served it, and how."""
