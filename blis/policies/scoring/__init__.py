"""How good is each instance for a request, by one signal?

Each file answers with `score(view, request, out) -> None`: it writes one score per instance, between 0 and
1, larger is better, into `out` (float64, one per instance). Scorers have no parameters and no memory: the
weighted router weighs them, the engine remembers.

To add a scorer: one new file with `score`. `NEEDS` names the costly signals it reads, see `blis.policies.needs`.
"""
