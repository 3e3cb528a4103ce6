"""Which package proposes? Each file is one: `drive(judging, params, folder)` proposes until it has no more to say.

It runs in a thread of its own; `evolve.algorithms.outside.ClosedError` out of `judging.judge` says that the search is
over, and ends it.
"""
