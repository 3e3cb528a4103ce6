"""Which of one tenant's requests goes first, within a band of the gateway's queue?

Each file answers with `rank(gateway, request, params, memory) -> float`: the smallest goes first, of equal ones the
request that joined the queue first. It is asked once, when a request joins, so a key that falls while a request waits
must fall alike for all: write the moment of joining into it. `gateway` is a `GatewayView` of the request's band without
what has just been measured, `request` a `RequestView`, `params` the file's `Params` as a float64 vector in the order of
its fields, `memory` a float64 vector of `memory_size(n_instances, n_requests)` zeros at the start. Times are µs.

Where fairness is `strict` the same keys decide between tenants. To add an order: one new file with `Params` (every
field with default, bounds and unit) and `rank`. `NEEDS` may name `expected_output_tokens`, see `blis.policies.needs`.
"""
