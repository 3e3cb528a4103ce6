"""What counts as better?

Each file is one family of objectives: `JUDGED` maps each name that a configuration may use to its direction and scale
(see `blis.fitness.objectives`), and `value(name, record, complexity)` reads it off a record and the complexity of the
genome; None where it is not defined. A family whose figures come from tracing decisions says `NEEDS_TRACE = True`.
"""
