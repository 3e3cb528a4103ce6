"""Which requests arrive?

Each file with `Params` and `generate` is an answer: `generate(params, seed, block_size_tokens) -> Requests`.
`params` is the file's own frozen record `Params`, built from a plain mapping by its `from_mapping(where, mapping)`
(strict: an unknown key is an error); `seed` is the run's one seed, and draws come from
`blis.foundation.randomness.stream(seed, "workload", ...)`. The result is a pure function of the three. Times are int64
microseconds, kept as float64 until one rounding at the end; lengths are int64 tokens.

To add a workload: one new file with `Params` and `generate`.

A file that reads a log has `recognises(head) -> bool` too, by which a path tells its format, and takes its `Params`
and its last stage from `blis.workload.logs`. One that can write it has `write(requests, path) -> tuple[Loss, ...]`,
which says what the format, as it was written, cannot say about the requests; `SUFFIXES`, the names' ends that mean this
format without saying so; `HOLDS`, the aspects (`blis.workload.logs.losses.ASPECTS`) that survive; and `files(path)`, if
it writes more than one. Times are written as whole microseconds, and no format loses that precision.
"""
