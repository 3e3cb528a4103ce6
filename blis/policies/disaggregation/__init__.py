"""Is a prompt computed by another instance than the one that decodes?

Each file answers with `disaggregate(view, pools, request, params, memory) -> int`: 0 lets the decode instance do both,
any other number divides the request. `view` is the `RouterView` of the routing decision, whose candidates decode;
`pools` a `DisaggregationView`, which names the decode instance that has been chosen and says how much there is to do on
both sides; `request`, `params` and `memory` are as in `blis.policies.admission`. No view holds the length of an output.
It is asked where another instance may compute the prompt, in clusters with `disaggregation` alone. Times are µs.

To add an answer: one new file with `Params` (every field with default, bounds and unit) and `disaggregate`. `NEEDS`
names the costly signals that it reads, see `blis.policies.needs`. `NEVER_DIVIDES = True` says that it divides nobody,
so that it need not be asked; `SEES_PREFILL_INSTANCE = True` that the instance that would compute the prompt is chosen
before it is asked, which costs a second choice for each request.
"""
