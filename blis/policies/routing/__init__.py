"""Which instance serves a request?

Each file answers with `route(view, request, params, memory, scores) -> int`, the index of the instance; the
lowest index wins a tie. `view` is a `RouterView`, `request` a `RequestView`, `params` and `memory` as in
`blis.policies.admission`. A file with `SCORES = True` writes a score per instance, larger is better, into `scores`
(float64, one per instance); for the others minus the effective load stands in.

To add a policy: one new file with `Params` and `route`. `NEEDS` names the costly signals it reads:
"cached_blocks", "affinity_blocks". `LOOKS` is that
of `blis.policies.admission`.
"""
