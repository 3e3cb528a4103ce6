"""What counts as better?

Each file is one family of objectives: `NAMES` lists the names that a configuration may use, `DIRECTION` maps each to +1 (larger is better) or
-1, and `value(name, record, genome_complexity)` reads it off a record; None where it is not defined.
"""
