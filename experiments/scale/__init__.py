"""What a search of many evaluations costs beside its evaluations: `python -m experiments.scale NAME [key=value ...]`.

`driver`   the process that searches, with an evaluator that answers at once: CPU and memory for each evaluation, growth
           of its files. evaluations=100000 algorithm=ga
`cluster`  Ray's own processes on this machine: CPU seconds of each for an evaluation and for a chunk, bytes that
           travel. evaluations=3000
`feed`     how fast one driver feeds many workers, which sleep instead of simulating. workers=24 evaluation_ms=4
`rate`     evaluations of candidates in the training scenarios of a suite: how many in a second, and in a CPU second.
           evaluator=threads suite=default candidates=60

`docs/scale.md` plans with what they say.
"""
