"""Directions about instances that differ in what they do."""

from experiments.validate.finding import Finding

FINDINGS: tuple[Finding, ...] = ()
