"""What do lessons teach?

Each file is a learner for one kind of gene and answers with `learn(gene, lessons, incumbent)`: values of the gene under
which more of the better choices would have been made, the most promising first. `ranking` is what they share: a
logistic regression on pairs of choices of one decision. `routing` finds the learners of a problem.

Several values come back, because how much of what lessons say is chance cannot be seen in them: from each horizon, more
and less regularised, and half way back to the incumbent. Whoever asked has them judged.
"""
