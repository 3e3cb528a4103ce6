"""Scenarios as a distribution: a file with ranges in the place of numbers, and the scenarios that are drawn from it.

`ranges` reads and draws single ranges, `places` finds what they stand for in a file, `family` draws members, `rates`
measures what a member's cluster carries, and `named` is how a command line names a scenario or a member.
"""
