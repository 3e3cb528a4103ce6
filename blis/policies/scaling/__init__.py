"""How many instances should each pool have?

Each file answers with `scale(view, params, memory, wanted)`: it writes the numbers into `wanted`, an int64 vector by
pool that holds the numbers of the decision before; instances that died since, or found no GPUs, count in them. `view`
is a `FleetView` (`blis.engine.fleet_view`), `params` the file's `Params` as a float64 vector in the order of its
fields, `memory` a float64 vector of `memory_size(n_instances, n_requests)` zeros at the start (none by default).

It is asked at time 0 and at every tick of the cluster's `autoscaling`; whatever it wants is held to each pool's minimum
and maximum. Where the cluster has no `autoscaling`, nobody asks.

To add a policy: one new file with `Params` (every field with default, bounds and unit) and `scale`. What several
policies need of a pool is in `blis.engine.pool_readings`, windows and limits in `blis.engine.stabilising`.
"""
