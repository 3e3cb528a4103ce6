"""Up to which saturation is a band of the gateway's queue open?

Each file answers with `limit(gateway, params, memory) -> float`: the band is held once the saturation reaches it, and
every less urgent band with it, see `blis.engine.dispatching`. `gateway` is a `GatewayView` of one band, `params` the
file's `Params` as a float64 vector in the order of its fields, `memory` a float64 vector of `memory_size(n_instances,
n_requests)` zeros at the start (none by default). In each cycle it is asked about the most urgent active band first,
whose `band` is 0, and about the next only if that one was open and had nobody waiting.

To add a policy: one new file with `Params` (every field with default, bounds and unit) and `limit`. `COUNTS_CYCLES =
True` says that the ceiling may differ from cycle to cycle while the saturation stays below 1; else it must depend on
the view alone, because cycles that cannot end otherwise are left out. A ceiling above 1 means 1.
"""
