"""What does this workload look like?

`summary.describe(requests)` is the answer as plain data, `tables` prints it, `picture` draws it, and `command` is
`python -m blis.workload describe`. The other files compute its parts.
"""
