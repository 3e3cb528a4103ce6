"""Are a request's images, audio and video encoded by another instance than the one that computes its prompt?

Each file answers with `encode_apart(view, encoders, request, params, memory) -> int`: 0 lets the instance that computes
the prompt encode them with it, any other number sends them to an instance that does nothing else. `view` is a
`RouterView` whose candidates are the instances that may; `encoders` an `EncodingView`, which says how much there is to
do there, and on the instance that has been chosen for the prompt; `request`, `params` and `memory` are as in
`blis.policies.admission`. No view holds the length of an output. It is asked about requests with media alone, in
clusters with `encoder` and instances of the role encode. Times are µs.

To add an answer: one new file with `Params` (every field with default, bounds and unit) and `encode_apart`. `NEEDS`
names the costly signals that it reads, see `blis.policies.needs`. `NEVER_ENCODES_APART = True` says that it sends
nobody, so that it need not be asked.
"""
