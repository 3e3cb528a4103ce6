"""Who is better, who stays, and who are the parents of whom?

`individual`, `ranking` and `archive` are DEAP's selection, ranking and Pareto tools, given scores of ours; `variation`
makes the genomes of a round, and `breeding` is a population with its children: what several algorithms have in common.
"""
