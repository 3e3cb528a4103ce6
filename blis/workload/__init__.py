"""Which requests arrive: every log, specification and generator becomes one table of requests."""
