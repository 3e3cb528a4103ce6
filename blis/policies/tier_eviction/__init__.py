"""Which blocks of a tier beneath the GPUs go first when it is full?

Each file answers with `evict_as(view, params, memory) -> int`: `LRU` or `ARC` of `blis.engine.tier_rules_view`. `view`
is a `TierView`, `params` the file's `Params` as a float64 vector in the order of its fields, `memory` a float64 vector
of zeros. It is asked once for each tier before a run begins, where a cluster has `kv_tiers`; what the cluster says of
its tiers itself is `view.configured`.
"""
