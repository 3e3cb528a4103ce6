"""How good is each instance for a request, by one signal?

Each file answers with `score(view, request, out) -> None`: it writes the score of each of `view.candidates`,
between 0 and 1, larger is better, into `out` (float64, one per instance). Who is compared are the candidates alone;
what is written for an instance that is none has no say. Scorers have no parameters and no memory: the
weighted router weighs them, the engine remembers.

To add a scorer: one new file with `score`. `NEEDS` names the costly signals it reads, see `blis.policies.needs`.
"""
