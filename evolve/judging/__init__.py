"""How good is a candidate, and compared with whom?

`goals` says what counts, `scoring` compares records with those of the `baselines`, and `fitness` does it for many
candidates at once. `headroom` asks whether a scenario can tell candidates apart at all.
"""
