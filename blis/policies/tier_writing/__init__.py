"""When are blocks written to the tiers beneath the GPUs, and which?

Each file answers with `write_as(view, params, memory) -> int`: `THROUGH`, `PROMPTS_THROUGH`, `BACK` or `EXCLUSIVE` of
`blis.engine.tier_rules_view`. `view` is a `TierChainView`, `params` the file's `Params` as a float64 vector in the
order of its fields, `memory` a float64 vector of zeros. It is asked once before a run begins, where a cluster has
`kv_tiers`; what the cluster says of its tiers itself is `view.configured`.
"""
