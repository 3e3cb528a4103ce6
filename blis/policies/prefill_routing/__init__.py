"""Which instance computes the prompt of a request that another one decodes?

Answers are those of `blis.policies.routing`, asked about the instances that may compute prompts, and the file here:
the policy that chooses who decodes. A weighted policy has scorers of its own for this question. Filters, which are of
the profile that decodes, are not asked; round-robin counts turns of its own.

Only a cluster with `disaggregation` asks, and only where the policy of that question may divide a request.
"""
