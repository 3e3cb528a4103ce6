"""How good is a candidate, and compared with whom?

`suite` says in which scenarios and on which seeds, `workloads` builds what candidates meet there, `evaluation` runs one
task, `goals` says what counts, `scoring` compares records with those of the `baselines`, and `fitness` does all of it
for many candidates at once. `headroom` asks whether a scenario can tell candidates apart at all.
"""
