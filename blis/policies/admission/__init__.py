"""Is a request let into the cluster?

Each file answers with `admit(view, request, params, memory) -> int`: 0 admits; any other number is the index
into the file's `REASONS`, plus one, of why it is refused. `view` is a `RouterView`, `request` a
`RequestView`, `params` the file's `Params` as a float64 vector in the order of its fields, `memory` a
float64 vector of `memory_size(n_instances, n_requests)` zeros at the start (none by default). Times are µs.

To add a policy: one new file with `Params` (every field with default, bounds and unit), `admit` and, if it
refuses, `REASONS`. `NEEDS` names the costly signals it reads, see `blis.policies.needs`. `LOOKS = False` says
that it reads nothing of the instances, so that it may decide before they have been simulated up to its moment;
`ADMITS_ALL = True` that it refuses nobody, so that it need not be asked.
"""
