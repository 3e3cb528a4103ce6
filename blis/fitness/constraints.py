"""What a policy must keep to, however fast it is: bounds on shares of requests, absolute or relative to a baseline."""

from collections.abc import Mapping
from dataclasses import dataclass

from blis.fitness.objectives import Figures, Scale, objective, value_of
from blis.foundation.checks import check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

_KEYS = ("at_least", "at_most", "worse_than_baseline_by")
#: Violation by a figure that does not exist: as much as a share can miss.
WHOLE = 1.0
_ROUNDING = 1e-12  #: differences of shares below it are no requests


@dataclass(frozen=True, slots=True)
class Constraint:
    """Bounds on one figure that is a share; None: there is none."""

    figure: str
    limit: float | None  #: the least of a share that should be large, the most of one that should be small
    slack: float | None  #: how much worse than the baseline's it may be, in shares: 0.01 is one percentage point

    def violation(self, figures: Figures, baseline: Figures) -> float:
        """By how much it is broken, in shares: 0 if it holds, `WHOLE` for a figure that does not exist.

        Of two bounds the stricter counts. A baseline without the figure bounds nothing.
        """
        value, reference = value_of(figures, self.figure), value_of(baseline, self.figure)
        if value is None:
            return WHOLE
        direction = objective("constraints", self.figure).direction
        bounds = [] if self.limit is None else [self.limit]
        if self.slack is not None and reference is not None:
            bounds.append(reference - direction * self.slack)
        missing = max((direction * (bound - value) for bound in bounds), default=0.0)
        return missing if missing > _ROUNDING else 0.0


#: What holds unless a search says otherwise: serve as many requests as the baseline, but for a percentage point, and as
#: many of them well, but for five: attainment varies more between equally good policies than what is served at all.
DEFAULT_CONSTRAINTS = (
    Constraint("completion_ratio", None, 0.01),
    Constraint("rejection_ratio", None, 0.01),
    Constraint("slo_attainment", None, 0.05),
)


def read_constraints(where: str, mapping: object) -> tuple[Constraint, ...]:
    """The constraints that a plain mapping describes.

    Parameters
    ----------
    where : str
        Path of the mapping, for messages.
    mapping : mapping or None
        Figure to {at_least or at_most: share, worse_than_baseline_by: share}. None: `DEFAULT_CONSTRAINTS`; empty: none.

    Raises
    ------
    ConfigError
        If a figure is no share with a direction, a bound is on its wrong side, absent, or not in [0, 1].
    """
    if mapping is None:
        return DEFAULT_CONSTRAINTS
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"{where} must be a mapping of figures to bounds; got {shown(mapping)}.")
    return tuple(_constraint(f"{where}.{name}", name, bounds) for name, bounds in mapping.items())


def _constraint(where: str, name: object, bounds: object) -> Constraint:
    judged = objective(where, name)
    if judged.scale is not Scale.SHARE:
        raise ConfigError(f"{where} must be a share of requests, such as completion_ratio; got {shown(name)}.")
    given = {key: value for key, value in check_keys(where, bounds, _KEYS).items() if value is not None}
    right, wrong = ("at_least", "at_most") if judged.direction > 0 else ("at_most", "at_least")
    if wrong in given:
        raise ConfigError(f"{where} must be bounded by {right}, the side on which it is bad; got {wrong}.")
    if not given:
        raise ConfigError(f"{where} must have {right} or worse_than_baseline_by; got none.")
    shares = {key: check_number(f"{where}.{key}", value, 0, 1) for key, value in given.items()}
    return Constraint(str(name), shares.get(right), shares.get("worse_than_baseline_by"))
