"""What is known of one request that was sent, or should have been."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

OK, ERROR, TIMEOUT = "ok", "error", "timeout"

#: Kinds of what went wrong, beside HTTP statuses ("http 429").
INTERRUPTED = "interrupted"
UNSENT = "unsent"
#: A request that ended so has not been answered by anybody: it is sent when the observation goes on.
UNFINISHED = (INTERRUPTED, UNSENT)


@dataclass(slots=True)
class Observation:
    """One request; times in µs since the start of the run."""

    number: int  #: the request's, in its workload
    arrival_us: int  #: when it should have been sent
    send_us: int = 0  #: when it was, for the first time
    times_us: list[int] = field(default_factory=list)  #: of the chunks that brought output
    tokens: list[int] = field(default_factory=list)  #: that each of them brought
    end_us: int = 0  #: when nothing more was expected
    output_tokens: int = 0
    prompt_tokens: int = 0  #: as the server counts them; 0: it did not say
    cached_tokens: int | None = None
    asked_prompt_tokens: int = 0
    asked_output_tokens: int = 0
    streamed: bool = True
    status: str = OK
    kind: str = ""  #: of what went wrong; "" where nothing did
    message: str = ""
    http_status: int = 0  #: 0: no answer
    finish_reason: str = ""
    retries: int = 0  #: how often it was sent again

    @property
    def first_us(self) -> int:
        """When the first output came; 0 if none did."""
        return self.times_us[0] if self.times_us else 0

    @property
    def last_us(self) -> int:
        """When the last output came; 0 if none did."""
        return self.times_us[-1] if self.times_us else 0

    @property
    def is_unfinished(self) -> bool:
        """Whether it was cut short, or never sent, by nobody's fault but ours."""
        return self.kind in UNFINISHED

    def to_mapping(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "Observation":
        """What `to_mapping` made."""
        return cls(**mapping)
