"""Which instance encodes a request's images, audio and video, if it is not the one that computes its prompt?

Answers are those of `blis.policies.routing`, asked about the instances of the role encode, and no others. There a queue
is the requests that wait to be encoded, and its tokens are those of media; such an instance has no KV cache in use and
no prefixes. A weighted policy has scorers of its own for this question; filters are not asked; round-robin counts turns
of its own.

Only a cluster with `encoder` and instances of the role encode asks, and only where the policy of the question
`encoding` may send a request there.
"""
