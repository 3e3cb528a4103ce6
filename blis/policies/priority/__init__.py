"""How urgent is a waiting request?

Each file answers with `prioritise(view, request, params, memory) -> float`, larger is more urgent. `view` is
a `QueueView`: an instance's scheduler sees its own instance only; `request` a `RequestView`; `params` and
`memory` as in `blis.policies.admission`. Times are µs.

A file sets `ORDER_IS_FIXED = True` if the order of two waiting requests by priority can never change while
they wait; then priorities are worked out once, at clock 0, and not in every step. Where that depends on the
parameters it is a function of them.

`NEEDS` names the costly signals that it reads: "expected_output_tokens" of the request (by what the instance has
completed), and of the view "uncached_tokens" and "tenant_service" (the fields `tenant_...`). With any of them the order
is seldom fixed.

To add a policy: one new file with `Params` and `prioritise`.
"""
