"""Straight lines through what was found around a point: how differences depend on coefficients, and how surely."""

from typing import NamedTuple

import numpy as np

from blis.foundation.units import Float64Vector

#: No direction counts as less determined than by an interval of so many times the coefficients' sizes.
MOST_HALF_WIDTH = 2.0


class Lines(NamedTuple):
    """Differences as linear functions of relative coefficients, each in units of its own error."""

    middle: Float64Vector  #: (differences,) at the point
    slopes: Float64Vector  #: (differences, parameters) per relative change of a coefficient
    noise: Float64Vector  #: (differences,) share of its squared error that is chance in the simulation
    units: Float64Vector  #: (differences,) its error, in units of what was measured alone
    doubt: Float64Vector  #: (parameters, parameters) what of slopes.T @ slopes is noise

    @property
    def information(self) -> Float64Vector:
        """(parameters, parameters) of the differences about the coefficients.

        The slopes have noise, which looks as if coefficients mattered that do not: it is taken off.
        """
        information = self.slopes.T @ self.slopes - self.doubt
        return np.asarray((information + information.T) / 2)

    def covariance(self) -> Float64Vector:
        """(parameters, parameters) of the relative coefficients that the differences determine."""
        strength, directions = np.linalg.eigh(self.information)
        strength = np.maximum(strength, (2.0 / MOST_HALF_WIDTH) ** 2)
        return np.asarray((directions / strength) @ directions.T)


def lines_through(points: Float64Vector, found: Float64Vector) -> Lines:
    """The straight lines with the least squares.

    Parameters
    ----------
    points : (n, parameters) float64
        Relative coordinates around the point; n > parameters + 1.
    found : (n, differences) float64
        Differences there, in units of the error of what was measured.

    What a line leaves over is chance in the simulation, and curvature: what was measured has its own share of such
    chance, so a difference is no surer than that.
    """
    table = np.concatenate([np.ones((len(points), 1)), points], axis=1)
    weights, *_ = np.linalg.lstsq(table, found, rcond=None)
    left = found - table @ weights
    variance = (left**2).sum(axis=0) / max(len(points) - table.shape[1], 1)
    units = np.sqrt(1.0 + variance)
    noise = variance / units**2
    doubt = float(noise.sum()) * np.linalg.pinv(table.T @ table)[1:, 1:]
    return Lines(weights[0] / units, (weights[1:] / units).T, noise, units, doubt)
