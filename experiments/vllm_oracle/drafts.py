"""Which drafts are accepted, drawn as blis draws it and written down, so that vLLM's side accepts the same."""

from __future__ import annotations

from typing import Any

from blis.cluster.speculative import Speculative
from blis.engine.drafts import accepted_drafts
from blis.foundation.randomness import stream

FIRST_NUMBER = 10**9  #: of the requests' names
_SEED = 0  #: of a replay


def write_acceptance(scenario: dict[str, Any]) -> None:
    """Give every row of a scenario with drafts `accepted`: drafts accepted behind so many output tokens, from 0 on."""
    drafts = Speculative(scenario["params"]["draft_tokens"], scenario["params"]["accepted_tokens"])
    key, rate = int(stream(_SEED, "acceptance").integers(2**32)), drafts.acceptance_rate
    for place, row in enumerate(scenario["requests"]):
        number, written = FIRST_NUMBER + place, range(len(row["output"]))
        row["accepted"] = [int(accepted_drafts(key, number, n, rate, drafts.draft_tokens)) for n in written]
