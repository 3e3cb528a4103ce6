"""Whose request goes next, of the tenants that wait in one band of the gateway?

Each file answers with `choose(view, params, memory) -> int`: the place of a tenant in the arrays of `view`, a
`FlowsView`. The arrays list the tenants that have a request waiting in the band, in no order, so ties must be broken by
what is in them. `params` is the file's `Params` as a float64 vector in the order of its fields, `memory` a float64
vector of `MEMORY_PER_TENANT` zeros for each tenant of the workload (none by default). Times are µs.

It is asked when two tenants or more wait; who waits alone goes. It is not asked in cycles in which the band is held, so
tenants may have come since it was last asked; `active_since_us` tells. To add a policy: one new file with `Params`
(every field with default, bounds and unit) and `choose`.
"""
