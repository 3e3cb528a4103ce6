"""What is a run worth?

Each file turns the flat figures of `blis.metrics.figures` into what a search compares, and checks what it was told
before anything is simulated:

- `weighted`: one run, one number; the weighted sum that the reference program prints.
- `normalized`: runs relative to a baseline's on the same scenarios and seeds, under constraints; what to search with.
- `objectives`: which way each figure is better, and the vector of several for a multi-objective search.

A figure that does not exist (None, or not finite) is never good: it counts 0 in `weighted`, as a violation in
`normalized`, as -infinity in the vector.
"""
