"""How far measurements of steps reach."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What lies beyond was estimated by the source, or is continued along the last piece."""

    step_tokens: int  #: largest number of tokens in one step
    decode_requests: int  #: of one step
    context_tokens: int  #: longest context of a decode
    prompt_tokens: int  #: longest prompt, history included
