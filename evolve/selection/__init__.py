"""Who is better? DEAP's selection, ranking and Pareto tools, given scores of ours."""
