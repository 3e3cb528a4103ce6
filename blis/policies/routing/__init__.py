"""Which instance serves a request?

Each file answers with `route(view, request, params, memory, scores) -> int`, the index of one of `view.candidates`, of
which there is at least one. `view` is a `RouterView`, `request` a `RequestView`, `params` and `memory` as in
`blis.policies.admission`. Into `scores` (float64, one per instance) a file writes how good each candidate is, larger is
better, and `best_instance` of `blis.engine.choice` names the best: there ties are broken, by the cluster's rule. What
it writes for an instance that is no candidate has no say, and what it reads of one must have none. With `SCORES = True`
these scores are recorded and judged; for the others minus the effective load stands in.

To add a policy: one new file with `Params` and `route`. `NEEDS` names the costly signals it reads, see
`blis.policies.needs`, or is a function of the parameters that does. `LOOKS` is that of `blis.policies.admission`.
"""
