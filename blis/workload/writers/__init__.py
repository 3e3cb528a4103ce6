"""How is a log written?

Each file is the answer for one format that `blis.workload` reads: `write(requests, path) -> tuple[Loss, ...]` writes
the requests and says what the format, as it was written, cannot say about them. `SUFFIXES` are the names' ends that
mean this format without saying so; `HOLDS` are the aspects (`blis.workload.writers._losses.ASPECTS`) that survive;
`files(path)` are the files that are written. Times are whole microseconds, and no format loses that precision.

To add a format: one new file with the four. Names that begin with an underscore are what they share.
"""
