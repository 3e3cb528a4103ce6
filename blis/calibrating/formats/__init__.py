"""What did a server do with each request? One file per format in which load generators write that down.

Each file answers with two functions. `recognises(head) -> bool` tells from the beginning of a file (a
`blis.workload.logs.recognition.Head`) whether it is of the format; `read(path) -> list[MeasuredRun]` reads it
strictly, one run for each load level in it: a value that is wrong is an error with its place, a row that cannot be
used is counted with its reason, never passed over.

To add a format: one new file with both.
"""
