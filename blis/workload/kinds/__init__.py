"""Which requests arrive?

Each file with `Params` and `generate` is an answer: `generate(params, seed, block_size_tokens) -> Requests`.
`params` is the file's own frozen record `Params`, built from a plain mapping by its `from_mapping(where, mapping)`
(strict: an unknown key is an error); `seed` is the run's one seed, and draws come from
`blis.foundation.randomness.stream(seed, "workload", ...)`. The result is a pure function of the three. Times are int64
microseconds, kept as float64 until one rounding at the end; lengths are int64 tokens.

To add a workload: one new file with `Params` and `generate`. The other files here are what they share.
"""
