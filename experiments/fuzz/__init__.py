"""Does the simulator keep its promises in situations that nobody thought of?

`python -m experiments.fuzz [minutes=15] [seed=N] [cases=N] [mode=MODE] [folder=DIR] [--json]` invents valid
scenarios, small and full of coincidences, and asks of each what must hold of all: see `experiments.fuzz.checks`. A
case that fails is made smaller and kept as a file; `python -m experiments.fuzz case=FILE` repeats it.

Every case is a function of the seed and its number. Cases run in child processes, which are told one number at a
time: a child that dies or hangs is that case's failure, and the next child goes on with the next number.

Modes: `compiled` as users run it; `bounds`, where kernels check every index (NUMBA_BOUNDSCHECK=1); `python`, where
kernels are plain Python (NUMBA_DISABLE_JIT=1) and cases smaller; `mixed`, the default, deals most cases to the
first, every fifth to the second and every twentieth to the third.
"""
