"""Does what a search calls good stay good where it never looked?

`python -m experiments.generalisation FOLDER [candidates=34] [seeds=3] [generation=N]` takes candidates of a finished
search over the whole range of its fitness, measures each in all scenarios of its suite with seeds that nobody has used,
and prints how the search's fitness ranks with the gain over llm-d 3:2:2 there (Spearman), by role and by scenario, and
whose variance it is. Where every generation meets members of its own, only the fitnesses of one generation compare.
"""
