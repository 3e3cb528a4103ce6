"""A champion as llm-d's router reads it: an EndpointPickerConfig, where its routing can be said there.

What is written beside `champion.yaml` routes as the champion does, or there is no such file. `python -m evolve.export`
also writes what can be said of a champion in part, with a grade for each signal.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from evolve.exchange import EXACT, MISSING, Champion, Signal
from evolve.exchange.llm_d.scorers import NO_SUCH_SCORER
from evolve.exchange.llm_d.writing import written

FILE = "endpoint-picker.yaml"
#: Questions of which every part must be there.
_ROUTING = ("routing", "filtering", "disaggregation", "prefill_routing", "encoding", "encode_routing")
#: Routers that are llm-d's own, whatever their signals are measured by.
_THEIRS = ("weighted", "lmetric", "sticky-until-saturated")


def endpoint_picker(
    policies: Mapping[str, Mapping[str, Any]], gateway: Mapping[str, Any] | None = None
) -> tuple[str | None, str]:
    """The configuration as YAML, and what to know about it; None where it cannot be said, and why.

    Parameters
    ----------
    policies : mapping
        Question -> policy with its parameters, as a bundle has them. Those of the gateway are flow control there.
    gateway : mapping or None
        What `cluster.gateway` is given: the limits of the queue; None: they are left to the deployment.
    """
    champion = Champion(policies, gateway=gateway)
    found = written(champion)
    missing = [one for one in found.signals if one.question in _ROUTING and one.grade == MISSING]
    if missing or found.document is None:
        return None, f"{'; '.join(_reasons(missing))}."
    nearly = champion.policy("routing")["policy"] not in _THEIRS or any(
        one.question == "disaggregation" and one.grade != EXACT for one in found.signals
    )
    notes = [f"Routing {'nearly ' if nearly else ''}as the champion does it.", *found.notes]
    others = dict.fromkeys(
        f"{one.question} {champion.policy(one.question)['policy'] if one.question in policies else one.name}"
        for one in found.signals
        if one.grade == MISSING
    )
    if others:
        notes.append(f"What is no router's business must be set in the engines or the gateway: {', '.join(others)}.")
    return yaml.safe_dump(found.document, sort_keys=False), " ".join(notes)


def _reasons(missing: Sequence[Signal]) -> Iterator[str]:
    """Why each cannot be said there."""
    scorers = [one.name for one in missing if one.why == NO_SUCH_SCORER]
    if scorers:
        yield f"it has no scorer for {', '.join(scorers)} (problem=llm_d searches those that it has)"
    yield from (one.why for one in missing if one.why != NO_SUCH_SCORER)
