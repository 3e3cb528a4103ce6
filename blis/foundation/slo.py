"""Service-level classes: their names, in one fixed order, and how urgent each is by default."""

#: The class that a request without a class has.
UNNAMED = ""

#: Index in this tuple is what policies see as `slo_class`.
CLASSES = (UNNAMED, "critical", "realtime", "standard", "interactive", "batch", "sheddable", "background")

#: Default urgency; larger is more urgent, below zero may be shed. The scale of llm-d's inference gateway;
#: realtime and interactive, which it does not know, stand beside critical and standard.
URGENCY = {
    UNNAMED: 3.0,
    "critical": 4.0,
    "realtime": 4.0,
    "standard": 3.0,
    "interactive": 3.0,
    "batch": -1.0,
    "sheddable": -2.0,
    "background": -3.0,
}

#: The bands of a gateway's queue, the most urgent first: one for each urgency that some class has.
BANDS = tuple(sorted(set(URGENCY.values()), reverse=True))

#: The band of each class, in the order of `CLASSES`.
BAND_OF_CLASS = tuple(BANDS.index(URGENCY[name]) for name in CLASSES)


def class_index(name: str) -> int:
    """Index of a class in `CLASSES`; one that is not listed counts as unnamed."""
    return CLASSES.index(name) if name in CLASSES else 0
