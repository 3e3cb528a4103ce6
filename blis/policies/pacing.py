"""Kinds of the parameters by which a policy of scaling keeps its pace, see `blis.engine.stabilising`.

A policy lists its fields in the order of that module's places, as its last ones, each with a default of its own.
"""

from typing import Annotated, TypeAlias

from blis.policies.parameters import Bounds

_LONGEST_S = 86_400.0

WindowS: TypeAlias = Annotated[float, Bounds(0.0, _LONGEST_S, "s")]
MostUpShare: TypeAlias = Annotated[float, Bounds(0.0, 1000.0, "share of the instances, per period")]
MostUpInstances: TypeAlias = Annotated[float, Bounds(0.0, 100_000.0, "instances per period")]
MostDownShare: TypeAlias = Annotated[float, Bounds(0.0, 1.0, "share of the instances, per period")]
PeriodS: TypeAlias = Annotated[float, Bounds(0.0, _LONGEST_S, "s")]
